#include "worker/layers/linear.h"

#include <ATen/ops/linear.h>

namespace espalier {

at::Tensor Linear::forward(const at::Tensor& input) const {
  return at::linear(input, tensors().weight, tensors().bias);
}

}  // namespace espalier
