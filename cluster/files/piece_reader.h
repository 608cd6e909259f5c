#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <string>

#include "base/sha256.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// Reads files in pieces, each with the hash of the whole file. A hash is computed once, and cached while inode, size
/// and time of the file stay the same. One thread at a time.
class PieceReader {
 public:
  /// A piece of `file` at `path`. Errors: ErrorKind::unavailable if it is missing, is no regular file or
  /// is larger than kLargestFileBytes; ErrorKind::corrupt if it cannot be read, or ends before `offset`.
  FilePiece read(const FileName& file, const std::filesystem::path& path, std::uint64_t offset);
  /// Whether the file exists with this hash.
  bool holds(const std::filesystem::path& path, std::uint64_t total, const Digest& sha256);

 private:
  struct Known {
    std::uint64_t inode = 0, bytes = 0;
    std::timespec changed{};
    Digest sha256{};
  };
  class OpenFile;
  const Digest& digest_of(const std::filesystem::path& path, const OpenFile& file);

  std::map<std::filesystem::path, Known> known_;
};

}  // namespace espalier
