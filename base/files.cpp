#include "base/files.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft_file.h"
#include "base/error.h"
#include "base/file_error.h"

namespace espalier {
namespace {

/// Opens without blocking, such as on a pipe without a writer; pipes are then refused unless allowed.
int open_readable(const std::filesystem::path& path, Readable what) {
  struct stat status {};
  const bool pipe = what == Readable::pipe_too && ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (pipe ? 0 : O_NONBLOCK));
  if (descriptor < 0) throw_file_error(path, "opening it", errno);
  return descriptor;
}

void refuse_unreadable(const struct stat& status, const std::filesystem::path& path, Readable what) {
  if (S_ISREG(status.st_mode) || (S_ISFIFO(status.st_mode) && what == Readable::pipe_too)) return;
  throw Error(ErrorKind::invalid_input,
              path.string() + (S_ISDIR(status.st_mode) ? ": is a folder, not a file" : ": is not a regular file"));
}

}  // namespace

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  DraftFile draft(path, mode);
  draft.write(bytes);
  draft.put();
}

void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  const int descriptor = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_file_error(temporary, "opening it", errno);
  const int synced = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (synced != 0) {
    ::unlink(temporary.c_str());
    throw_file_error(temporary, "syncing it", code);
  }
  rename_into_place(temporary, path);
}

std::string read_file(const std::filesystem::path& path, std::uintmax_t limit_bytes, Readable what,
                      const FileCheck& check) {
  const int descriptor = open_readable(path, what);
  struct stat status {};
  std::string bytes;
  try {
    if (::fstat(descriptor, &status) != 0) throw_file_error(path, "reading its size", errno);
    refuse_unreadable(status, path, what);
    if (check) check(status);
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
      if (count < 0) throw_file_error(path, "reading", errno);
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

}  // namespace espalier
