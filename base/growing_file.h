#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace espalier {

/// A file that is written bit by bit under a temporary name, and takes its own when all of it is there. What is not put
/// in place is gone with this object. One thread at a time.
class GrowingFile {
 public:
  /// Makes the folder, and the file, which must not be there (create_new_file). Errors: as append.
  explicit GrowingFile(std::filesystem::path temporary);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Every few megabytes what was written is synced, so that the end need not wait for all of it.
  /// Errors: ErrorKind::exhausted if the disk is full or a quota is met, ErrorKind::invalid_input otherwise.
  void append(std::string_view bytes);
  /// Syncs it and renames it, over what has that name; makes the folder. Once. Errors: as append.
  void put(const std::filesystem::path& path);
  /// Throws away what was written, and begins again. Errors: as append.
  void clear();

 private:
  const std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::uint64_t unsynced_ = 0;
};

}  // namespace espalier
