#include "base/error.h"
#include "experiments/datasets/idx_set.h"

namespace espalier {
namespace {

constexpr const char* kFashionFrom = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
constexpr std::int64_t kFashionTrain = 60'000, kFashionTest = 10'000;

struct FashionFolder {
  std::filesystem::path folder;
  IdxPaths paths;
};

/// The files are called as MNIST's, so only folders of the set's own name are looked into; the last is torchvision's.
FashionFolder find_fashion(const DataFolder& data) {
  std::string missing;
  for (const char* place : {"fashion_mnist", "fashion-mnist", "FashionMNIST/raw"}) {
    if (const auto paths = find_idx_files(data / place, IdxNames::of_mnist, missing)) return {data / place, *paths};
  }
  std::string names;
  for (const std::string_view name : kIdxFileNames) names += (names.empty() ? "" : ", ") + std::string(name) + ".gz";
  const std::string folder = (data / "fashion_mnist").string();
  throw Error(ErrorKind::invalid_input, "fashion_mnist: not found in " + folder + "; download " + names + " from " +
                                            kFashionFrom + " into " + folder +
                                            ", or name the folder above it with --data or ESPALIER_DATA");
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
                    std::to_string(set.classes) + "; download it again from " + kFashionFrom +
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
  return named_within(data, find_fashion(data).paths);
}

}  // namespace

DatasetSource dataset_fashion_mnist() {
  return {resolve_fashion, load_fashion, fashion_presence, fashion_files};
}

}  // namespace espalier
