#pragma once

#include <cstdint>

namespace espalier {

/// From now on no tensor on the CPU is made that would bring their sum, in this process, above so many bytes; LibTorch
/// then throws as it does where the system has no more. 0: no limit. The first call puts a counting allocator in front
/// of LibTorch's; tensors made before it are not counted. Any thread.
///
/// A limit of the whole process (RLIMIT_DATA) would do the same, and starve the thread that has to tell about it.
void limit_tensor_memory(std::int64_t bytes);

}  // namespace espalier
