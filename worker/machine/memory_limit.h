#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// How much memory a rank may use. Bytes; 0: no limit of ours.
struct MemoryAllowance {
  std::int64_t rank_bytes = 0;
  std::int64_t alone_bytes = 0;  ///< while nothing else runs in the pool; at least rank_bytes
};

/// The machine's memory, or the cgroup's limit. Bytes; 0 if unknown. `root` is "/" except in tests.
std::int64_t memory_total(const std::filesystem::path& root = "/");

/// `asked_gb` (10^9 bytes) a rank, 0 for no limit, or below 0 for an even share of nine tenths of `total_bytes` among
/// the host's ranks. Alone, a rank may use the sum over all of them.
MemoryAllowance memory_allowance(double asked_gb, std::int64_t total_bytes, int ranks_here);

/// Limits this process to its allowance (RLIMIT_DATA), so that a job that needs too much gets an error, instead of the
/// kernel's OOM killer ending any process. No limit if the allowance is 0.
class MemoryLimit {
 public:
  explicit MemoryLimit(const MemoryAllowance& allowance) : allowance_(allowance) { allow(false); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  /// Switches to the allowance of a job that is alone, divided among the ranks that run it together, or to the usual
  /// one. Memory in use beyond it stays allocated.
  void allow(bool alone, int ranks = 1);
  /// The part for tensors (tensor_memory.h): the rest is for code, threads, and the thread that reports the failure. 0:
  /// no limit.
  std::int64_t tensor_bytes() const;
  /// "this rank may have 5.2 GB (--memory-per-rank)", with what to do about it: the end of a message.
  std::string describe() const;

 private:
  const MemoryAllowance allowance_;
  bool alone_ = false;
  std::int64_t bytes_ = 0;  ///< the present allowance
};

/// A training step allocates and frees the same megabytes again and again, and glibc would give them back to the system
/// each time: a tenth to a third of the time of a step of convolutions. From now on up to 512 MB stay this process's.
/// Any thread.
void keep_freed_memory();

/// Reserves heap memory of the calling thread, so that it can send messages while a job on another thread exhausts
/// memory. Main thread, once.
void keep_memory_reserve();

}  // namespace espalier
