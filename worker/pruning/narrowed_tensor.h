#pragma once

#include <ATen/core/Tensor.h>

#include "experiments/pruning/shrink.h"

namespace espalier {

/// The part of a parameter or buffer that is kept, in memory of its own where anything leaves.
at::Tensor narrowed(const at::Tensor& tensor, const KeptTensor& kept);

}  // namespace espalier
