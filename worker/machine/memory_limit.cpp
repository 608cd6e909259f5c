#include "worker/machine/memory_limit.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <optional>
#include <sys/resource.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cluster/postmortem/cgroup.h"

namespace espalier {
namespace {

constexpr double kShare = 0.9;  // the rest is for the system, the coordinator and the page cache
// What is limited is address space that could be written to, and a rank that does nothing has a quarter of this.
constexpr std::int64_t kLeastShare = std::int64_t{1} << 30;
constexpr std::int64_t kOutsideTensors = std::int64_t{512} << 20;
constexpr std::size_t kReserve = 16U << 20;

std::optional<std::int64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (!(file >> number)) return std::nullopt;  // "max"
  return number;
}

std::int64_t installed_memory(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/meminfo");
  std::string name;
  std::int64_t kibibytes = 0;
  while (file >> name) {
    if (name == "MemTotal:" && file >> kibibytes) return kibibytes << 10;
    file.ignore(1000, '\n');
  }
  return 0;
}

}  // namespace

std::int64_t memory_total(const std::filesystem::path& root) {
  std::int64_t total = installed_memory(root);
  for (const std::filesystem::path& folder : memory_cgroups(root)) {
    for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {
      const auto limit = number_in(folder / name);
      if (limit && *limit > 0 && (total == 0 || *limit < total)) total = *limit;
    }
  }
  return total;
}

MemoryAllowance memory_allowance(double asked_gb, std::int64_t total_bytes, int ranks_here) {
  if (asked_gb == 0) return {};
  const int ranks = std::max(1, ranks_here);
  if (asked_gb > 0) {
    const auto rank = static_cast<std::int64_t>(asked_gb * 1e9);
    return {rank, rank * ranks};
  }
  if (total_bytes == 0) return {};
  const auto whole = static_cast<std::int64_t>(kShare * static_cast<double>(total_bytes));
  const std::int64_t rank = std::max(whole / ranks, kLeastShare);
  return {rank, std::max(rank, whole)};
}

// Where the ranks of a gang are, a rank does not know: on several machines each could have more than this.
void MemoryLimit::allow(bool alone, int ranks) {
  alone_ = alone;
  bytes_ = alone ? std::max(allowance_.alone_bytes / ranks, allowance_.rank_bytes) : allowance_.rank_bytes;
  rlimit limit{};
  if (bytes_ == 0 || ::getrlimit(RLIMIT_DATA, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, static_cast<rlim_t>(bytes_));
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) spdlog::warn("memory: the limit could not be set");
}

std::int64_t MemoryLimit::tensor_bytes() const {
  return std::max(bytes_ / 2, bytes_ - kOutsideTensors);
}

std::string MemoryLimit::describe() const {
  if (allowance_.rank_bytes == 0) return "this rank has no limit of its own; run fewer workers on this machine";
  if (alone_) {
    return fmt::format(
        "this job ran alone and could have {:.1f} GB, all that the pool has here for this rank; make the network or "
        "its batches smaller, raise --memory-per-rank, or use a larger machine",
        static_cast<double>(bytes_) / 1e9);
  }
  return fmt::format("this rank may have {:.1f} GB (--memory-per-rank); run fewer workers on this machine",
                     static_cast<double>(bytes_) / 1e9);
}

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

void keep_memory_reserve() {
  keep_freed_memory();
  // Freed at once: it stays this heap's, and costs no memory before it is written to.
  void* volatile reserve = std::malloc(kReserve);
  std::free(reserve);
}

}  // namespace espalier
