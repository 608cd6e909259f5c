#pragma once

#include <filesystem>
#include <string_view>

namespace espalier {

/// A file for readers that want one: in memory where the system has a place for that. Its folder goes with it.
class ScratchFile {
 public:
  explicit ScratchFile(std::string_view name);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path folder() const { return path_.parent_path(); }
  /// Without the care of write_file_atomically, which would take most of a run's time.
  void write(std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace espalier
