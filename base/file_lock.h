#pragma once

#include <filesystem>
#include <string_view>

namespace espalier {

/// Takes an exclusive lock on a file of ours, made with mode 0600 if it is not there, so that nobody else can hold it:
/// a lock needs no more than a descriptor. The descriptor, close-on-exec, which has the lock until the last copy of it
/// is closed; -1 if somebody has it. It is the file that has the name: one that was removed and made again counts.
/// Errors: ErrorKind::invalid_input if it is a link or somebody else's file (root may lock anybody's), and those of
/// throw_file_error.
int try_file_lock(const std::filesystem::path& path);

/// Replaces the text of a locked file. Allocates nothing: may be called between fork and exec. False: errno says why.
bool write_lock_text(int descriptor, std::string_view text);

/// An exclusive lock on a file, held until destruction or the end of the process. The file's text names the holder.
class FileLock {
 public:
  /// Takes the lock and writes `holder` into the file.
  /// Errors: ErrorKind::unavailable, with the present holder's text in the message, if somebody has it; those of
  /// try_file_lock.
  FileLock(const std::filesystem::path& path, std::string_view holder);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace espalier
