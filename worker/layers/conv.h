#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "worker/layers/masked_layer.h"

namespace espalier {

/// One number for each dimension after the channels; zeros are padded on both sides alike.
struct ConvGeometry {
  std::vector<std::int64_t> strides, padding, dilations;
  std::int64_t groups = 1;
};

/// Cross-correlation of x [batch, in, ...] with W [out, in / groups, kernel...].
class Conv : public MaskedLayer {
 public:
  Conv(std::string name, LayerTensors tensors, ConvGeometry geometry)
      : MaskedLayer(std::move(name), std::move(tensors)), geometry_(std::move(geometry)) {}
  at::Tensor forward(const at::Tensor& input) const override;

 private:
  const ConvGeometry geometry_;
};

/// The transposed convolution of x [batch, in, ...] with W [in, out / groups, kernel...].
class ConvTranspose : public MaskedLayer {
 public:
  ConvTranspose(std::string name, LayerTensors tensors, ConvGeometry geometry, std::vector<std::int64_t> output_padding)
      : MaskedLayer(std::move(name), std::move(tensors)),
        geometry_(std::move(geometry)),
        output_padding_(std::move(output_padding)) {}
  at::Tensor forward(const at::Tensor& input) const override;
  Compute compute(const at::Tensor& input, const at::Tensor& output) const override;

 private:
  const ConvGeometry geometry_;
  const std::vector<std::int64_t> output_padding_;
};

/// What both compute with tensors that are no layer's.
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                    const ConvGeometry& geometry);
at::Tensor convolve_transposed(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                               const ConvGeometry& geometry, const std::vector<std::int64_t>& output_padding);

}  // namespace espalier
