#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "experiments/datasets/idx_set.h"

namespace espalier {
namespace {

constexpr std::int64_t kFashionTrain = 60'000, kFashionTest = 10'000;

/// The files as Zalando Research published them: SHA-256 as TorchVision has them. The mirrors are the authors' own
/// repository and Keras'; the authors' other address, which is better known, has no https.
DatasetDownload fashion_download() {
  return {
      "fashion_mnist",
      {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
       "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"},
      {{"train-images-idx3-ubyte.gz", 26'421'880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
       {"train-labels-idx1-ubyte.gz", 29'515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
       {"t10k-images-idx3-ubyte.gz", 4'422'102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
       {"t10k-labels-idx1-ubyte.gz", 5'148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}},
      {}};
}

struct FashionFolder {
  std::filesystem::path root;    ///< files are named from here
  std::filesystem::path folder;  ///< within it
  IdxPaths paths;
};

/// Where Debian's package dataset-fashion-mnist and the like install to: datasets/ of each of the system's data
/// folders (XDG Base Directory Specification: $XDG_DATA_DIRS).
std::vector<std::filesystem::path> installed_datasets() {
  const char* given = std::getenv("XDG_DATA_DIRS");
  std::istringstream folders(given != nullptr && *given != '\0' ? given : "/usr/local/share:/usr/share");
  std::vector<std::filesystem::path> places;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path path = folder;
    if (path.is_absolute()) places.push_back(path / "datasets");
  }
  return places;
}

/// The files have MNIST's names, so only folders of the set's own name are searched; FashionMNIST/raw is torchvision's.
/// The data folder comes before what is installed.
FashionFolder find_fashion(const DataFolder& data) {
  std::string missing;
  for (const char* place : {"fashion_mnist", "fashion-mnist", "FashionMNIST/raw"}) {
    if (const auto paths = find_idx_files(data / place, IdxNames::of_mnist, missing))
      return {data, data / place, *paths};
  }
  for (const std::filesystem::path& root : installed_datasets()) {
    const std::filesystem::path folder = root / "fashion-mnist";
    if (const auto paths = find_idx_files(folder, IdxNames::of_mnist, missing)) return {root, folder, *paths};
  }
  throw Error(ErrorKind::invalid_input, "fashion_mnist: not found in " + (data / "fashion_mnist").string() +
                                            "; get it with: " + fetch_command("fashion_mnist", data) + "; or " +
                                            download_by_hand(fashion_download(), data) +
                                            ", or install Debian's package dataset-fashion-mnist, or name the folder "
                                            "above it with --data or ESPALIER_DATA");
}

IdxSet read_fashion(const FashionFolder& found) {
  IdxSet set = read_idx_set(found.paths);
  const bool fits = set.train.count == kFashionTrain && set.test.count == kFashionTest && set.classes == 10 &&
                    set.shape == std::array<std::int64_t, 3>{1, 28, 28};
  if (!fits) {
    throw Error(ErrorKind::invalid_input,
                found.folder.string() +
                    ": not Fashion-MNIST, which has 60,000 and 10,000 images of 28x28 pixels in 10 " +
                    "classes: here are " + std::to_string(set.train.count) + " and " + std::to_string(set.test.count) +
                    " of " + std::to_string(set.shape[1]) + "x" + std::to_string(set.shape[2]) + " in " +
                    std::to_string(set.classes) + "; download it again from " + fashion_download().mirrors.front() +
                    ", or name your own set with dataset: {idx: " + found.folder.string() + "}");
  }
  return set;
}

DatasetSpec resolve_fashion(const DatasetRequest& request, const DataFolder& data) {
  return idx_spec("fashion_mnist", read_fashion(find_fashion(data)), request);
}

Dataset load_fashion(const DatasetSpec& spec, const std::string&, const DataFolder& data) {
  const FashionFolder found = find_fashion(data);
  return idx_examples(spec, read_fashion(found), found.folder);
}

DatasetPresence fashion_presence(const DataFolder& data) {
  try {
    const FashionFolder found = find_fashion(data);
    read_fashion(found);
    return {true, found.folder.string()};
  } catch (const Error& error) {
    return {false, error.what()};
  }
}

DatasetFiles fashion_files(const std::string&, const DataFolder& data) {
  const FashionFolder found = find_fashion(data);
  return named_within(found.root, found.paths);
}

}  // namespace

DatasetSource dataset_fashion_mnist() {
  return {resolve_fashion, load_fashion, fashion_presence, fashion_files, fashion_download};
}

}  // namespace espalier
