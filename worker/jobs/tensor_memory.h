#pragma once

#include <cstdint>
#include <optional>

namespace espalier {

/// Limits the total bytes of CPU tensors in this process; above it LibTorch throws as when the system is out of memory.
/// 0: no limit. The first call puts a counting allocator in front of LibTorch's; earlier tensors are not counted. Any
/// thread.
///
/// A limit of the whole process (RLIMIT_DATA) would also starve the thread that has to report the failure.
void limit_tensor_memory(std::int64_t bytes);

/// The most bytes of tensors at once, of the CPU or of the GPU of a number, from now on until asked, beyond those that were there before. What
/// kernels allocate for themselves is not counted. One at a time; a limit stays as it is.
class PeakTensorMemory {
 public:
  explicit PeakTensorMemory(std::optional<int> gpu);
  std::int64_t bytes() const;

 private:
  std::optional<int> gpu_;
  std::int64_t before_ = 0;
};

/// Returns the memory of freed tensors to the system and, of a GPU, to the other processes on it: LibTorch keeps it for
/// its own next tensors. Never throws.
void return_freed_memory();

}  // namespace espalier
