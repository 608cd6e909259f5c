#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace espalier {

/// Writes `bytes` so that a reader, or a machine that lost power, sees the old file or the new one, never half:
/// temporary name beside it, fsync, rename, fsync of the folder.
/// `mode` are the permission bits of a new file (0600 for secrets).
/// Errors: ErrorKind::exhausted if the disk is full or a quota is met, ErrorKind::invalid_input otherwise.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0644);

/// The end of such a write for a file that somebody else filled: syncs `temporary` and renames it to `path`. It is gone
/// when that fails. Errors: as write_file_atomically.
void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// What may be read: a device has no end, and a pipe may never bring what it has. `pipe_too` is for files that a person
/// names, who may write `<(...)`.
enum class Readable { file, pipe_too };

/// Errors: ErrorKind::invalid_input if it is missing, unreadable, no regular file (nor a pipe, if those are welcome),
/// or larger than `limit_bytes` (nothing is allocated then).
std::string read_file(const std::filesystem::path& path, std::uintmax_t limit_bytes, Readable what = Readable::file);

/// An exclusive lock on a file, held until destruction or the end of the process. The file's text names the holder.
class FileLock {
 public:
  /// Takes the lock and writes `holder` into the file.
  /// Errors: ErrorKind::unavailable, with the present holder's text in the message, if somebody has it.
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
