#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// How much memory a rank may fill. Bytes; 0: no limit of ours.
struct MemoryAllowance {
  std::int64_t rank_bytes = 0;
  std::int64_t alone_bytes = 0;  ///< while nothing else runs in the pool; at least rank_bytes
};

/// The machine's memory, or what the cgroup leaves of it. Bytes; 0 if nothing tells. `root` is "/" but in tests.
std::int64_t memory_total(const std::filesystem::path& root = "/");

/// `asked_gb` (10^9 bytes) a rank, 0 for no limit, or below 0 for an even share of nine tenths of `total_bytes` among
/// the host's ranks. Alone, a rank may have what all of them together may.
MemoryAllowance memory_allowance(double asked_gb, std::int64_t total_bytes, int ranks_here);

/// Holds this process to its allowance (RLIMIT_DATA), so that a job that fills memory is refused more of it, instead of
/// having the kernel kill whom it likes. Nothing is limited where the allowance is 0.
class MemoryLimit {
 public:
  explicit MemoryLimit(const MemoryAllowance& allowance) : allowance_(allowance) { allow(false); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  /// From now on: the allowance of a job that is alone, which as many ranks share as run it together, or the usual one.
  /// What is filled beyond it stays.
  void allow(bool alone, int ranks = 1);
  /// What of it tensors may have (tensor_memory.h): the rest is for code, threads, and the thread that tells of a job
  /// that wanted too much. 0: no limit.
  std::int64_t tensor_bytes() const;
  /// "this rank may have 5.2 GB (--memory-per-rank)", with what to do about it: the end of a message.
  std::string describe() const;

 private:
  const MemoryAllowance allowance_;
  bool alone_ = false;
  std::int64_t bytes_ = 0;  ///< that it may have now
};

/// A training step allocates and frees the same megabytes again and again, and glibc would give them back to the system
/// each time: a tenth to a third of the time of a step of convolutions. From now on up to 512 MB stay this process's.
/// Any thread.
void keep_freed_memory();

/// Lets the calling thread's heap keep room for messages: it can speak while a job on another thread fills memory.
/// Main thread, once.
void keep_memory_reserve();

}  // namespace espalier
