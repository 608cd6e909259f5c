#pragma once

#include <filesystem>
#include <string_view>

namespace espalier {

/// Takes an exclusive lock on a file of ours, made with mode 0600 if it is missing, so that no other user can hold it:
/// any open descriptor could take the lock. Returns a descriptor, close-on-exec, which has the lock until its last copy
/// is closed; -1 if it is held. Locks the file that has the name now: one that was removed and made again counts.
/// Errors: ErrorKind::invalid_input if it is a link or another user's file (root may lock any file), and those of
/// throw_file_error.
int try_file_lock(const std::filesystem::path& path);

/// Replaces the text of a locked file. Allocates nothing: may be called between fork and exec. False: errno says why.
bool write_lock_text(int descriptor, std::string_view text);

/// An exclusive lock on a file, held until destruction or the end of the process. The file's text names the holder.
class FileLock {
 public:
  /// Takes the lock and writes `holder` into the file.
  /// Errors: ErrorKind::unavailable, with the present holder's text in the message, if it is held; those of
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
