#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace espalier {

/// What is there of a file that is downloaded, in a file of its own, which outlives us unless it is empty: the next run
/// continues it. Not a link, and not another user's. One thread at a time.
class PartialFile {
 public:
  /// Errors, here and below: those of open_own_file and throw_file_error.
  explicit PartialFile(std::filesystem::path path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  void append(std::string_view bytes);
  void clear();
  /// Syncs it and gives it its name. Once, at the end.
  void put(const std::filesystem::path& path);

 private:
  const std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace espalier
