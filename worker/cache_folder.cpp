#include "worker/cache_folder.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/host_name.h"

namespace espalier {
namespace {

using std::filesystem::file_time_type;

constexpr const char* kComing = "coming";
/// Looking at every file of a large folder takes a while: done when it may have outgrown its limit by this share.
constexpr std::uint64_t kGrowthShare = 16;
constexpr std::chrono::hours kAbandonedAfter{24};

struct Found {
  file_time_type used;
  std::uint64_t bytes;
  std::filesystem::path path;
};

std::vector<Found> files_below(const std::filesystem::path& root) {
  std::vector<Found> files;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(root, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    std::error_code gone;  // another rank makes room too
    if (!entry->is_regular_file(gone) || gone) continue;
    Found found{entry->last_write_time(gone), entry->file_size(gone), entry->path()};
    if (!gone) files.push_back(std::move(found));
  }
  return files;
}

}  // namespace

std::filesystem::path cache_root(const std::filesystem::path& asked, const std::filesystem::path& store) {
  return asked.empty() ? store / "cache" : asked / "espalier-cache";
}

CacheFolder::CacheFolder(std::filesystem::path root, std::uint64_t limit_bytes)
    : root_(std::move(root)), limit_bytes_(limit_bytes) {}

std::filesystem::path CacheFolder::new_temporary() {
  return root_ / kComing / (host_name() + "-" + std::to_string(::getpid()) + "-" + std::to_string(++temporaries_));
}

bool CacheFolder::has(const FileName& file) const {
  std::error_code error;
  const std::filesystem::path path = place(file);
  if (!std::filesystem::is_regular_file(path, error) || error) return false;
  std::filesystem::last_write_time(path, file_time_type::clock::now(), error);
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
  const auto abandoned = file_time_type::clock::now() - kAbandonedAfter;
  for (const Found& file : files) {
    const bool coming = file.path.parent_path() == root_ / kComing;
    const bool goes = coming ? file.used < abandoned : limit_bytes_ != 0 && bytes > limit_bytes_;
    if (!goes) continue;
    std::error_code ignored;
    if (std::filesystem::remove(file.path, ignored)) bytes -= file.bytes;
  }
}

}  // namespace espalier
