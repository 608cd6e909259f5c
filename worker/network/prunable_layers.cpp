#include "worker/network/prunable_layers.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>

namespace espalier {

at::Tensor PrunableLinear::forward(const at::Tensor& input) const {
  return at::linear(input, tensors_.weight, tensors_.bias);
}

at::Tensor PrunableConv2d::forward(const at::Tensor& input) const {
  return at::conv2d(input, tensors_.weight, tensors_.bias, stride_, padding_);
}

}  // namespace espalier
