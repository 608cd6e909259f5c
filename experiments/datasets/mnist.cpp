#include "base/error.h"
#include "experiments/datasets/idx_set.h"

namespace espalier {
namespace {

/// SHA-256 of the uncompressed files, in the order of kIdxFileNames.
constexpr std::array<std::string_view, 4> kMnistDigests{
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"};

/// The files as LeCun published them: sizes, and SHA-256 as TensorFlow Datasets has them; gzip -6 makes the same bytes
/// of the real data (tests/e2e/datasets_fetch_test.cpp). The mirrors are PyTorch's and TensorFlow's.
DatasetDownload mnist_download() {
  return {
      "mnist",
      {"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"},
      {{"train-images-idx3-ubyte.gz", 9'912'422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
       {"train-labels-idx1-ubyte.gz", 28'881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
       {"t10k-images-idx3-ubyte.gz", 1'648'877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
       {"t10k-labels-idx1-ubyte.gz", 4'542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}},
      {}};
}

struct MnistFolder {
  std::filesystem::path folder;
  IdxPaths paths;
};

/// Searches the data folder itself, its mnist, and the place where torchvision downloads to.
MnistFolder find_mnist(const DataFolder& data) {
  std::string missing;
  for (const char* place : {"mnist", "", "MNIST/raw"}) {
    const std::filesystem::path folder = *place == '\0' ? data : data / place;
    if (const auto paths = find_idx_files(folder, IdxNames::of_mnist, missing)) return {folder, *paths};
  }
  throw Error(ErrorKind::invalid_input, "mnist: not found in " + data.string() + " or " + (data / "mnist").string() +
                                            "; get it with: " + fetch_command("mnist", data) + "; or " +
                                            download_by_hand(mnist_download(), data) +
                                            ", or name the folder that has them with --data or ESPALIER_DATA");
}

IdxSet read_mnist(const MnistFolder& found) {
  IdxSet set = read_idx_set(found.paths);
  for (std::size_t i = 0; i < kMnistDigests.size(); ++i) {
    if (to_hex(set.digests[i]) == kMnistDigests[i]) continue;
    throw Error(ErrorKind::invalid_input, found.paths[i].string() + ": its SHA-256 (uncompressed) is " +
                                              to_hex(set.digests[i]) + ", MNIST's is " + std::string(kMnistDigests[i]) +
                                              "; it is damaged or of another data set: download it again from " +
                                              mnist_download().mirrors.front() +
                                              ", or name your own set with dataset: {idx: " + found.folder.string() +
                                              "}");
  }
  return set;
}

DatasetSpec resolve_mnist(const DatasetRequest& request, const DataFolder& data) {
  return idx_spec("mnist", read_mnist(find_mnist(data)), request);
}

Dataset load_mnist(const DatasetSpec& spec, const std::string&, const DataFolder& data) {
  const MnistFolder found = find_mnist(data);
  return idx_examples(spec, read_mnist(found), found.folder);
}

DatasetPresence mnist_presence(const DataFolder& data) {
  try {
    const MnistFolder found = find_mnist(data);
    read_mnist(found);
    return {true, found.folder.string()};
  } catch (const Error& error) {
    return {false, error.what()};
  }
}

DatasetFiles mnist_files(const std::string&, const DataFolder& data) {
  return named_within(data, find_mnist(data).paths);
}

}  // namespace

DatasetSource dataset_mnist() {
  return {resolve_mnist, load_mnist, mnist_presence, mnist_files, mnist_download};
}

}  // namespace espalier
