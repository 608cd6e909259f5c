#include "base/growing_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

constexpr std::uint64_t kSyncEvery = 16U << 20;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& doing, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  throw Error(full ? ErrorKind::exhausted : ErrorKind::invalid_input,
              path.string() + ": " + doing + " failed: " + std::strerror(code) + (full ? "; free some space" : ""));
}

void make_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) fail(path.parent_path(), "making the folder", error.value());
}

}  // namespace

GrowingFile::GrowingFile(std::filesystem::path temporary) : temporary_(std::move(temporary)) {
  make_folder_of(temporary_);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(temporary_, "creating it", errno);
}

GrowingFile::~GrowingFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void GrowingFile::append(std::string_view bytes) {
  unsynced_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      fail(temporary_, "writing", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (unsynced_ < kSyncEvery) return;
  unsynced_ = 0;
  if (::fdatasync(descriptor_) != 0) fail(temporary_, "syncing it", errno);
}

void GrowingFile::put(const std::filesystem::path& path) {
  make_folder_of(path);
  ::close(std::exchange(descriptor_, -1));
  put_in_place(temporary_, path);
}

void GrowingFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) {
    fail(temporary_, "emptying it", errno);
  }
  unsynced_ = 0;
}

}  // namespace espalier
