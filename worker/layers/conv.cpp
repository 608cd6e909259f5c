#include "worker/layers/conv.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution.h>

namespace espalier {

at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                    const ConvGeometry& geometry) {
  if (weight.dim() == 4)
    return at::conv2d(input, weight, bias, geometry.strides, geometry.padding, geometry.dilations, geometry.groups);
  const std::vector<std::int64_t> none(geometry.strides.size(), 0);
  return at::convolution(input, weight, bias, geometry.strides, geometry.padding, geometry.dilations, false, none,
                         geometry.groups);
}

at::Tensor convolve_transposed(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                               const ConvGeometry& geometry, const std::vector<std::int64_t>& output_padding) {
  return at::convolution(input, weight, bias, geometry.strides, geometry.padding, geometry.dilations, true,
                         output_padding, geometry.groups);
}

at::Tensor Conv::forward(const at::Tensor& input) const {
  return convolve(input, tensors().weight, tensors().bias, geometry_);
}

at::Tensor ConvTranspose::forward(const at::Tensor& input) const {
  return convolve_transposed(input, tensors().weight, tensors().bias, geometry_, output_padding_);
}

Compute ConvTranspose::compute(const at::Tensor& input, const at::Tensor&) const {
  // Each input element is multiplied with a filter of [out / groups, kernel...].
  return of_products(input.numel() * (tensors().weight.numel() / tensors().weight.size(0)));
}

}  // namespace espalier
