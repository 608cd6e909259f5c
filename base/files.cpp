#include "base/files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  throw Error(full ? ErrorKind::exhausted : ErrorKind::invalid_input,
              path.string() + ": " + doing + " failed: " + std::strerror(code) +
                  (full ? "; free some space, then run the same command again" : ""));
}

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      fail(path, "writing");
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

/// Opens without waiting: for a pipe without a writer, say, which then is refused, unless it is welcome.
int open_readable(const std::filesystem::path& path, Readable what) {
  struct stat status {};
  const bool pipe = what == Readable::pipe_too && ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (pipe ? 0 : O_NONBLOCK));
  if (descriptor < 0) fail(path, "opening it");
  return descriptor;
}

void refuse_unreadable(const struct stat& status, const std::filesystem::path& path, Readable what) {
  if (S_ISREG(status.st_mode) || (S_ISFIFO(status.st_mode) && what == Readable::pipe_too)) return;
  throw Error(ErrorKind::invalid_input,
              path.string() + (S_ISDIR(status.st_mode) ? ": is a folder, not a file" : ": is not a regular file"));
}

void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    errno = code;
    fail(path, "renaming it into place");
  }
  sync_folder(path.parent_path());
}

}  // namespace

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  std::filesystem::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, static_cast<mode_t>(mode));
  if (descriptor < 0) fail(temporary, "creating it");
  try {
    write_all(descriptor, bytes, temporary);
    if (::fsync(descriptor) != 0) fail(temporary, "syncing it");
  } catch (...) {
    ::close(descriptor);
    ::unlink(temporary.c_str());
    throw;
  }
  ::close(descriptor);
  rename_into_place(temporary, path);
}

void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  const int descriptor = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(temporary, "opening it");
  const int synced = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (synced != 0) {
    ::unlink(temporary.c_str());
    errno = code;
    fail(temporary, "syncing it");
  }
  rename_into_place(temporary, path);
}

std::string read_file(const std::filesystem::path& path, std::uintmax_t limit_bytes, Readable what) {
  const int descriptor = open_readable(path, what);
  struct stat status {};
  std::string bytes;
  try {
    if (::fstat(descriptor, &status) != 0) fail(path, "reading its size");
    refuse_unreadable(status, path, what);
    if (static_cast<std::uintmax_t>(status.st_size) > limit_bytes) {
      throw Error(ErrorKind::invalid_input, path.string() + ": " + std::to_string(status.st_size) +
                                                " bytes is more than the " + std::to_string(limit_bytes) +
                                                " allowed here");
    }
    bytes.reserve(static_cast<std::size_t>(status.st_size));  // 0 for a pipe
    char piece[1 << 16];
    while (true) {
      const ssize_t count = ::read(descriptor, piece, sizeof piece);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(path, "reading");
      if (count == 0) break;
      if (bytes.size() + static_cast<std::size_t>(count) > limit_bytes) {
        throw Error(ErrorKind::invalid_input,
                    path.string() + ": more than the " + std::to_string(limit_bytes) + " bytes allowed here");
      }
      bytes.append(piece, static_cast<std::size_t>(count));
    }
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  return bytes;
}

FileLock::FileLock(const std::filesystem::path& path, std::string_view holder) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path, "opening the lock");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    char text[256] = {};
    const ssize_t count = ::pread(descriptor_, text, sizeof text - 1, 0);
    ::close(std::exchange(descriptor_, -1));
    throw Error(ErrorKind::unavailable,
                count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string("another process"));
  }
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, holder.data(), holder.size(), 0) < 0) {
    const int code = errno;
    ::close(std::exchange(descriptor_, -1));
    errno = code;
    fail(path, "writing the lock");
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace espalier
