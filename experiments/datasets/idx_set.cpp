#include "experiments/datasets/idx_set.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "experiments/datasets/idx_file.h"

namespace espalier {
namespace {

std::string size_text(const IdxFile& images) {
  return std::to_string(images.rows) + "x" + std::to_string(images.columns);
}

ImageSet join(IdxFile&& images, IdxFile&& labels, const std::filesystem::path& images_path,
              const std::filesystem::path& labels_path) {
  if (images.count != labels.count) {
    throw Error(ErrorKind::invalid_input, labels_path.string() + ": holds " + std::to_string(labels.count) +
                                              " labels, but " + images_path.string() + " holds " +
                                              std::to_string(images.count) + " images; the two do not belong together");
  }
  return {images.count, std::move(images.values), std::move(labels.values), {}};
}

}  // namespace

std::optional<IdxPaths> find_idx_files(const std::filesystem::path& folder, std::string& missing) {
  IdxPaths paths;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    paths[i] = folder / kIdxFileNames[i];
    if (std::filesystem::exists(paths[i], error)) continue;
    paths[i] += ".gz";
    if (std::filesystem::exists(paths[i], error)) continue;
    missing = kIdxFileNames[i];
    return std::nullopt;
  }
  return paths;
}

DatasetFiles named_within(const std::filesystem::path& root, const IdxPaths& paths) {
  DatasetFiles files;
  for (const std::filesystem::path& path : paths)
    files.push_back({path.lexically_relative(root).generic_string(), path});
  return files;
}

IdxSet read_idx_set(const IdxPaths& paths) {
  IdxFile train_images = read_idx_images(paths[0]);
  IdxFile train_labels = read_idx_labels(paths[1]);
  IdxFile test_images = read_idx_images(paths[2]);
  IdxFile test_labels = read_idx_labels(paths[3]);
  if (train_images.rows != test_images.rows || train_images.columns != test_images.columns) {
    throw Error(ErrorKind::invalid_input, paths[2].string() + ": images of " + size_text(test_images) +
                                              " pixels, but " + paths[0].string() + " holds images of " +
                                              size_text(train_images));
  }
  IdxSet set;
  set.shape = {1, train_images.rows, train_images.columns};
  set.digests = {train_images.sha256, train_labels.sha256, test_images.sha256, test_labels.sha256};
  set.classes = 1 + std::max(std::ranges::max(train_labels.values), std::ranges::max(test_labels.values));
  std::string digests;
  for (const Digest& digest : set.digests) digests += to_hex(digest);
  set.content = "idx:" + to_hex(sha256(digests));
  set.train = join(std::move(train_images), std::move(train_labels), paths[0], paths[1]);
  set.test = join(std::move(test_images), std::move(test_labels), paths[2], paths[3]);
  return set;
}

DatasetSpec idx_spec(const std::string& name, const IdxSet& set, const DatasetRequest& request) {
  constexpr std::int64_t kValidationShare = 12;
  DatasetSpec spec;
  spec.name = name;
  spec.content = set.content;
  spec.shape = set.shape;
  spec.classes = set.classes;
  choose_split(spec, request, {set.train.count, set.test.count, set.train.count, set.test.count, kValidationShare});
  return spec;
}

ImageDataset idx_examples(const DatasetSpec& spec, IdxSet set, const std::filesystem::path& folder) {
  const bool enough = spec.train + spec.validation <= set.train.count && spec.test <= set.test.count;
  if (set.content != spec.content || set.shape != spec.shape || !enough) {
    throw Error(ErrorKind::corrupt, folder.string() + ": the files are not those that the sweep was made with (" +
                                        set.content + ", expected " + spec.content +
                                        "); put those back, or start the sweep again");
  }
  return split_examples(spec, std::move(set.train), std::move(set.test));
}

}  // namespace espalier
