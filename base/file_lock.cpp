#include "base/file_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/file_error.h"
#include "base/files.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kMostHolderBytes = 4096;

void refuse_foreign_lock(const struct stat& status, const std::filesystem::path& path) {
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorKind::invalid_input, path.string() + ": is no regular file where a lock belongs; remove it");
  if (status.st_uid == ::geteuid() || ::geteuid() == 0) return;
  throw Error(ErrorKind::invalid_input, path.string() + ": this lock belongs to another user (" +
                                            std::to_string(status.st_uid) +
                                            "), who could keep it; remove it, or work in a folder of your own");
}

/// Whether the descriptor's file is the one that has the name.
bool has_its_name(int descriptor, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

int open_lock(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    const int code = errno;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) refuse_foreign_lock(status, path);
    throw_file_error(path, "opening the lock", code);
  }
  try {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) throw_file_error(path, "looking at the lock", errno);
    refuse_foreign_lock(status, path);
    // Of an earlier version, or cut by the umask. Some filesystems have no modes, and locks all the same.
    if ((status.st_mode & 07777) != 0600 && ::fchmod(descriptor, 0600) != 0) errno = 0;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  return descriptor;
}

std::string holder_text(const std::filesystem::path& path) {
  try {
    const std::string text = read_file(path, kMostHolderBytes);
    return text.empty() ? "another process" : text;
  } catch (const Error&) {
    return "another process";
  }
}

}  // namespace

int try_file_lock(const std::filesystem::path& path) {
  while (true) {
    const int descriptor = open_lock(path);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      ::close(descriptor);
      if (code == EWOULDBLOCK) return -1;
      throw_file_error(path, "locking it", code);
    }
    if (has_its_name(descriptor, path)) return descriptor;
    ::close(descriptor);
  }
}

bool write_lock_text(int descriptor, std::string_view text) {
  return ::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, text.data(), text.size(), 0) >= 0;
}

FileLock::FileLock(const std::filesystem::path& path, std::string_view holder) : descriptor_(try_file_lock(path)) {
  if (descriptor_ < 0) throw Error(ErrorKind::unavailable, holder_text(path));
  if (write_lock_text(descriptor_, holder)) return;
  const int code = errno;
  ::close(std::exchange(descriptor_, -1));
  throw_file_error(path, "writing the lock", code);
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace espalier
