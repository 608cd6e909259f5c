#pragma once

#include <ATen/core/Tensor.h>

namespace espalier {

inline const at::Device kCpu(at::kCPU);

}  // namespace espalier
