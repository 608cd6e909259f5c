#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "experiments/datasets/source.h"

namespace espalier {

/// The four files of a data set, by the names that MNIST gave them; each may have ".gz" added. Others who hand them on
/// write train-images.idx3-ubyte, or put the set's name before and test for t10k:
/// emnist-letters-test-images-idx3-ubyte.
inline constexpr std::array<std::string_view, 4> kIdxFileNames{"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                               "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/// Where they lie, in that order; MNIST's own names are preferred to others, and then a raw file to a gzipped one.
using IdxPaths = std::array<std::filesystem::path, 4>;

/// Whose names may have a set's name before them.
enum class IdxNames { of_mnist, of_any_set };

/// None if one is missing: its name goes to `missing`.
/// Errors: ErrorKind::invalid_input if the folder may not be read, or holds several sets and none by MNIST's names.
std::optional<IdxPaths> find_idx_files(const std::filesystem::path& folder, IdxNames names, std::string& missing);

/// As files of a dataset, named from `root`, which is above them.
DatasetFiles named_within(const std::filesystem::path& root, const IdxPaths& paths);

/// Four files in memory.
struct IdxSet {
  Examples train;
  Examples test;
  std::array<std::int64_t, 3> shape{};  ///< 1, rows, columns
  std::int64_t classes = 0;             ///< 1 + the greatest label
  std::array<Digest, 4> digests{};      ///< of the uncompressed files
  std::string content;                  ///< for DatasetSpec::content: a hash of the four digests
};

/// Errors: as read_idx_images, with a word about a gzipped file beside a raw one that cannot be read; also
/// ErrorKind::invalid_input if images and labels differ in number, or training and test images in size.
IdxSet read_idx_set(const IdxPaths& paths);

/// The spec of such a set: its sizes as requested, one in twelve training examples for validation by default (5,000 of
/// MNIST's 60,000).
DatasetSpec idx_spec(const std::string& name, const IdxSet& set, const DatasetRequest& request);

/// Errors: ErrorKind::corrupt if the set is not the one that `spec` was resolved from.
Dataset idx_examples(const DatasetSpec& spec, IdxSet set, const std::filesystem::path& folder);

}  // namespace espalier
