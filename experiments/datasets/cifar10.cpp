#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "experiments/datasets/foreign_file.h"
#include "experiments/datasets/source.h"

// The binary version of https://www.cs.toronto.edu/~kriz/cifar.html: six files of 10,000 records, each one byte of
// label and 3,072 of pixels, the red, the green and the blue plane of 32x32. Files of that layout are taken whatever
// made them; the content distinguishes them.

namespace espalier {
namespace {

constexpr std::array<const char*, 6> kFiles{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                            "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
constexpr std::int64_t kRecords = 10'000;  // of a file
constexpr std::int64_t kCifarPixels = 3 * 32 * 32;
constexpr std::int64_t kClasses = 10;
constexpr std::int64_t kFileBytes = kRecords * (1 + kCifarPixels);
constexpr std::int64_t kCifarTrain = 5 * kRecords, kCifarTest = kRecords;
constexpr std::int64_t kCifarValidationShare = 10;
constexpr const char* kFolder = "cifar-10-batches-bin";
constexpr const char* kCifarFrom =
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (MD5 c32a1d4ab5d03f1284b67883e8d87530)";
// Mean and deviation of the training images' channels, as the field rounds them.
constexpr std::array<float, 3> kMean{0.4914F, 0.4822F, 0.4465F};
constexpr std::array<float, 3> kDeviation{0.2470F, 0.2435F, 0.2616F};
/// Names all that a network sees: raised with other constants.
constexpr const char* kContent = "cifar10:1:";

/// SHA-256 as TensorFlow Datasets has it, of the archive whose MD5 the author's page gives.
DatasetDownload cifar_download() {
  DatasetDownload download{
      kFolder,
      {"https://www.cs.toronto.edu/~kriz/"},
      {{"cifar-10-binary.tar.gz", 170'052'171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
      {}};
  for (const char* name : kFiles) download.members.push_back({std::string(kFolder) + "/" + name, kFileBytes});
  return download;
}

struct Cifar {
  Examples train, test;
  std::string content;
};

/// Searches the data folder's cifar-10-batches-bin, which the archive unpacks to, and the folder itself.
std::filesystem::path find_folder(const DataFolder& data) {
  std::error_code error;
  for (const std::filesystem::path& folder : {data / kFolder, data}) {
    if (std::filesystem::exists(folder / kFiles[0], error)) return folder;
    if (error == std::errc::permission_denied)
      throw Error(ErrorKind::invalid_input, "cifar10: " + folder.string() + ": cannot be read: " + error.message());
  }
  // The archive for Python is the better known one.
  for (const std::filesystem::path& folder : {data / "cifar-10-batches-py", data}) {
    if (!std::filesystem::exists(folder / "batches.meta", error)) continue;
    throw Error(ErrorKind::invalid_input,
                "cifar10: " + folder.string() +
                    " is the Python version, whose pickles are not read; get the binary version "
                    "with: " +
                    fetch_command("cifar10", data) + "; or download the binary version, " + kCifarFrom +
                    ", and unpack it in " + data.string());
  }
  throw Error(ErrorKind::invalid_input,
              "cifar10: no " + std::string(kFiles[0]) + " in " + (data / kFolder).string() + " or " + data.string() +
                  "; get it with: " + fetch_command("cifar10", data) + "; or download " + kCifarFrom +
                  ", unpack it in " + data.string() + ", or name the folder that has it with --data or ESPALIER_DATA");
}

std::string read_batch(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::invalid_input, path.string() + ": " + what);
  };
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) fail("cannot be read: " + error.message() + "; unpack all of " + kCifarFrom);
  const std::string foreign = size != kFileBytes ? foreign_kind_of(path) : "";
  if (!foreign.empty()) fail("is not a file of CIFAR-10's binary version but " + foreign);
  if (size != kFileBytes) {
    fail("has " + std::to_string(size) + " bytes, not the " + std::to_string(kFileBytes) +
         " of 10,000 records; it is truncated or of another data set: unpack it again from " + kCifarFrom);
  }
  std::string bytes = read_file(path, kFileBytes);
  if (bytes.size() != kFileBytes) fail("changed while it was read");
  return bytes;
}

void append(Examples& images, std::string_view bytes, const std::filesystem::path& path) {
  for (std::int64_t record = 0; record < kRecords; ++record) {
    const std::string_view here = bytes.substr(static_cast<std::size_t>(record * (1 + kCifarPixels)), 1 + kCifarPixels);
    const auto label = static_cast<std::uint8_t>(here[0]);
    if (label >= kClasses) {
      throw Error(ErrorKind::invalid_input,
                  path.string() + ": record " + std::to_string(record) + " has the label " + std::to_string(label) +
                      ", above 9; it is damaged or of another data set: unpack it again from " + kCifarFrom);
    }
    images.labels.push_back(label);
    images.pixels.insert(images.pixels.end(), here.begin() + 1, here.end());
  }
  images.count += kRecords;
}

Cifar read_cifar(const std::filesystem::path& folder) {
  Cifar cifar;
  cifar.train.pixels.reserve(static_cast<std::size_t>(kCifarTrain * kCifarPixels));
  cifar.test.pixels.reserve(static_cast<std::size_t>(kCifarTest * kCifarPixels));
  std::string digests;
  for (const char* name : kFiles) {
    const std::string bytes = read_batch(folder / name);
    digests += to_hex(sha256(bytes));
    append(name == kFiles.back() ? cifar.test : cifar.train, bytes, folder / name);
  }
  cifar.content = kContent + to_hex(sha256(digests));
  return cifar;
}

/// The first `count` of the test set, if it were dealt out evenly: files sorted by class are in use, and of those the
/// first thousand images are all airplanes.
void spread(Examples& images, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t from = i * images.count / count;
    images.labels[static_cast<std::size_t>(i)] = images.labels[static_cast<std::size_t>(from)];
    std::copy_n(images.pixels.begin() + from * kCifarPixels, kCifarPixels, images.pixels.begin() + i * kCifarPixels);
  }
}

DatasetSpec resolve_cifar(const DatasetRequest& request, const DataFolder& data) {
  DatasetSpec spec;
  spec.name = "cifar10";
  spec.shape = {3, 32, 32};
  spec.classes = kClasses;
  choose_split(spec, request, {kCifarTrain, kCifarTest, kCifarTrain, kCifarTest, kCifarValidationShare});
  const Cifar cifar = read_cifar(find_folder(data));
  spec.content = cifar.content;
  judge_labels(spec, cifar.train.labels, cifar.test.labels, spec.name);
  return spec;
}

Dataset load_cifar(const DatasetSpec& spec, const std::string&, const DataFolder& data) {
  const std::filesystem::path folder = find_folder(data);
  Cifar cifar = read_cifar(folder);
  const bool enough = spec.train + spec.validation <= kCifarTrain && spec.test <= kCifarTest;
  if (cifar.content != spec.content || !enough) {
    throw Error(ErrorKind::corrupt, folder.string() + ": the files are not those that the sweep was made with (" +
                                        cifar.content + ", expected " + spec.content +
                                        "); put those back, or start the sweep again");
  }
  spread(cifar.test, spec.test);
  Dataset dataset = split_examples(spec, std::move(cifar.train), std::move(cifar.test));
  dataset.scale.mean.assign(kMean.begin(), kMean.end());
  dataset.scale.deviation.assign(kDeviation.begin(), kDeviation.end());
  return dataset;
}

DatasetPresence cifar_presence(const DataFolder& data) {
  try {
    const std::filesystem::path folder = find_folder(data);
    read_cifar(folder);
    return {true, folder.string()};
  } catch (const Error& error) {
    return {false, error.what()};
  }
}

DatasetFiles cifar_files(const std::string&, const DataFolder& data) {
  const std::filesystem::path folder = find_folder(data);
  DatasetFiles found;
  for (const char* name : kFiles) found.push_back({std::string(kFolder) + "/" + name, folder / name});
  return found;
}

}  // namespace

DatasetSource dataset_cifar10() {
  return {resolve_cifar, load_cifar, cifar_presence, cifar_files, cifar_download};
}

}  // namespace espalier
