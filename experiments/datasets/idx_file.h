#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/sha256.h"

namespace espalier {

/// A file in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist), gzipped or raw: a magic number and the sizes,
/// 32-bit big-endian, then one byte a value, row-major.
struct IdxFile {
  std::int64_t count = 0;
  std::int64_t rows = 1;             ///< images only
  std::int64_t columns = 1;          ///< images only
  std::vector<std::uint8_t> values;  ///< [count, rows, columns], or [count] labels
  Digest sha256{};                   ///< of the uncompressed file, header included: equal for raw and gzipped
};

/// Magic 0x803: images [count, rows, columns] of at most 4096 x 4096 pixels, 4 GiB in all. Magic 0x801: labels [count].
/// Errors: ErrorKind::invalid_input, beginning with the path, for a file that is missing, has another magic number, is
/// truncated or damaged, promises more than the limits or than its own size can hold (nothing is allocated then), or
/// goes on after the promised values (nothing more is inflated then).
IdxFile read_idx_images(const std::filesystem::path& path);
IdxFile read_idx_labels(const std::filesystem::path& path);

}  // namespace espalier
