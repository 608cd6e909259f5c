#include "worker/layers/conv2d.h"

#include <ATen/ops/conv2d.h>

namespace espalier {

at::Tensor Conv2d::forward(const at::Tensor& input) const {
  return at::conv2d(input, tensors().weight, tensors().bias, stride_, padding_);
}

}  // namespace espalier
