#pragma once

#include <cstdint>

namespace espalier {

/// Limits the total bytes of CPU tensors in this process; above it LibTorch throws as when the system is out of memory.
/// 0: no limit. The first call puts a counting allocator in front of LibTorch's; earlier tensors are not counted. Any
/// thread.
///
/// A limit of the whole process (RLIMIT_DATA) would also starve the thread that has to report the failure.
void limit_tensor_memory(std::int64_t bytes);

/// Returns the memory of freed tensors to the system and, of a GPU, to the other processes on it: LibTorch keeps it for
/// its own next tensors. Never throws.
void return_freed_memory();

}  // namespace espalier
