#include "worker/files/cache_folder.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/host_name.h"
#include "base/sha256.h"

namespace espalier {
namespace {

/// Since 1970.
using Time = std::chrono::nanoseconds;

constexpr const char* kComing = "coming";
/// Listing a large folder takes long: done when it may have outgrown its limit by this fraction.
constexpr std::uint64_t kGrowthShare = 16;
constexpr std::chrono::hours kAbandonedAfter{24};
/// A data set is used when the last of its files has arrived.
constexpr std::chrono::minutes kNeededFor{10};

struct Found {
  Time used;
  std::uint64_t bytes;
  std::filesystem::path path;
};

Time time_of(const std::timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::vector<Found> files_below(const std::filesystem::path& root) {
  std::vector<Found> files;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(root, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    struct stat status {};
    if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    files.push_back({std::max(time_of(status.st_atim), time_of(status.st_mtim)),
                     static_cast<std::uint64_t>(status.st_size), entry->path()});
  }
  return files;
}

}  // namespace

std::filesystem::path cache_root(const std::filesystem::path& asked, const std::filesystem::path& store) {
  return asked.empty() ? store / "cache" : asked / "espalier-cache";
}

void make_own_cache_folder(const std::filesystem::path& root) {
  std::error_code ignored;  // the next call reports it
  std::filesystem::create_directories(root.parent_path(), ignored);
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST)
    throw Error(ErrorKind::invalid_input, root.string() + ": cannot be made: " + std::strerror(errno));
  struct stat status {};
  const bool ours = ::lstat(root.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
                    (status.st_mode & 022) == 0;
  if (ours) return;
  throw Error(ErrorKind::invalid_input, root.string() +
                                            ": is not a folder that you own and only you may write; remove it, or "
                                            "choose another one with --cache");
}

CacheFolder::CacheFolder(std::filesystem::path root, std::uint64_t limit_bytes)
    : root_(std::move(root)), limit_bytes_(limit_bytes) {}

std::filesystem::path CacheFolder::new_temporary() {
  // A name's numbers may repeat: in another container, or later.
  return root_ / kComing /
         (host_name() + "-" + std::to_string(::getpid()) + "-" + std::to_string(++temporaries_) + "-" +
          to_hex(sha256(random_bytes(16))).substr(0, 8));
}

bool CacheFolder::has(const FileName& file) const {
  std::error_code error;
  const std::filesystem::path path = place(file);
  if (!std::filesystem::is_regular_file(path, error) || error) return false;
  // Keeps the modification time: by it a reader that knows the file's hash knows that it is unchanged.
  const std::timespec times[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  return true;
}

void CacheFolder::grew(std::uint64_t bytes) {
  if (limit_bytes_ == 0 || (grown_ += bytes) < limit_bytes_ / kGrowthShare) return;
  grown_ = 0;
  make_room();
}

void CacheFolder::make_room() const {
  std::vector<Found> files = files_below(root_);
  std::ranges::sort(files, {}, &Found::used);
  std::uint64_t bytes = 0;
  for (const Found& file : files) bytes += file.bytes;
  const Time now = std::chrono::system_clock::now().time_since_epoch();
  for (const Found& file : files) {
    const bool coming = file.path.parent_path() == root_ / kComing;
    const bool too_many = limit_bytes_ != 0 && bytes > limit_bytes_;
    if (file.used > now - kNeededFor || !(coming ? file.used < now - kAbandonedAfter : too_many)) continue;
    std::error_code ignored;
    if (std::filesystem::remove(file.path, ignored)) bytes -= file.bytes;
  }
}

}  // namespace espalier
