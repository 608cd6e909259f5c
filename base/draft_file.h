#pragma once

#include <filesystem>
#include <string_view>

namespace espalier {

/// Makes a new file and opens it for writing. An existing file is refused, and a symbolic link is not followed: another
/// user's file or link can neither receive nor redirect our bytes.
/// `mode` are its permission bits, less the umask's, unless they are the owner's alone: those it has exactly.
/// Errors: those of throw_file_error.
int create_new_file(const std::filesystem::path& path, unsigned mode);

/// All of it, however little a call takes. `path` is for errors: those of throw_file_error.
void write_to(int descriptor, std::string_view bytes, const std::filesystem::path& path);

/// Renames a synced file, so that a machine that loses power has the old one or the new one. Removes `temporary` if
/// that fails. Errors: those of throw_file_error.
void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// A draft of a file beside it, under the name TARGET.tmpPID-RANDOM (is_draft_ending), made new by us. The destructor
/// removes it unless it was put in place. One thread at a time.
class DraftFile {
 public:
  /// As create_new_file.
  explicit DraftFile(std::filesystem::path target, unsigned mode = 0644);
  ~DraftFile();
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;

  /// For a library that writes it by name.
  const std::filesystem::path& path() const { return path_; }
  /// Appends. Errors: those of throw_file_error.
  void write(std::string_view bytes);
  /// Syncs it and gives it the target's name. Once. Errors: those of throw_file_error.
  void put();

 private:
  std::filesystem::path target_, path_;
  int descriptor_ = -1;
};

/// What ends the name of a draft, and of those of earlier versions: ".tmpPID-RANDOM", ".tmpPID".
struct DraftEnding {
  std::string_view pid;       ///< digits, of the process that writes it
  std::size_t begins_at = 0;  ///< in the name
};

/// Errors: none; `pid` is empty for a name that does not end so.
DraftEnding draft_ending(std::string_view name);

}  // namespace espalier
