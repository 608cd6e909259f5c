#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace espalier {

/// A file that is written in pieces under a temporary name, and renamed when complete. The destructor removes it unless
/// it was put in place. One thread at a time.
class GrowingFile {
 public:
  /// Makes the folder, and the file, which must not exist (create_new_file). Errors: as append.
  explicit GrowingFile(std::filesystem::path temporary);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Syncs every few megabytes, so that the final sync is short.
  /// Errors: ErrorKind::exhausted if the disk is full or a quota is met, ErrorKind::invalid_input otherwise.
  void append(std::string_view bytes);
  /// Syncs it and renames it, over an existing file; makes the folder. Call it once. Errors: as append.
  void put(const std::filesystem::path& path);
  /// Discards the content, and begins again. Errors: as append.
  void clear();

 private:
  const std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::uint64_t unsynced_ = 0;
};

}  // namespace espalier
