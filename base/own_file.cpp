#include "base/own_file.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_error.h"

namespace espalier {
namespace {

[[noreturn]] void refuse_own_file(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorKind::invalid_input, path.string() + ": is " + what + " where a file of ours belongs; remove it");
}

void refuse_foreign_file(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw_file_error(path, "looking at it", errno);
  if (!S_ISREG(status.st_mode)) refuse_own_file(path, "no regular file");
  if (status.st_uid != ::geteuid() && ::geteuid() != 0)
    refuse_own_file(path, "another user's (" + std::to_string(status.st_uid) + ")");
}

}  // namespace

int open_own_file(const std::filesystem::path& path, OwnFile how, unsigned mode) {
  // Truncated only once it is known to be ours. Does not block on a pipe.
  const int append = how == OwnFile::append ? O_APPEND : 0;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | append | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                                static_cast<mode_t>(mode));
  if (descriptor < 0) {
    const int code = errno;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) refuse_own_file(path, "a symbolic link");
    throw_file_error(path, "opening it", code);
  }
  try {
    refuse_foreign_file(descriptor, path);
    if (how == OwnFile::begin_anew && ::ftruncate(descriptor, 0) != 0) throw_file_error(path, "emptying it", errno);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  return descriptor;
}

}  // namespace espalier
