#pragma once

#include <cstdint>
#include <utility>

#include <ATen/core/Tensor.h>

namespace espalier {

// Layers that own their weights and their mask and choose how to compute. They compute densely: the network keeps a
// pruned weight at zero, so the dense product is the masked one. A layer may choose another kernel when its mask
// changes, without the network or the training knowing.

/// Weight and mask have one shape: [out, in], or [out, in, kernel, kernel]; bias [out], undefined if there is none. All
/// float32; the mask is 1 where a weight is kept, else 0.
struct LayerTensors {
  at::Tensor weight;
  at::Tensor bias;
  at::Tensor mask;
};

/// y = x W^T + b for x [batch, in].
class PrunableLinear {
 public:
  explicit PrunableLinear(LayerTensors tensors) : tensors_(std::move(tensors)) {}
  at::Tensor forward(const at::Tensor& input) const;

 private:
  LayerTensors tensors_;
};

/// Cross-correlation of x [batch, in, height, width] with square kernels, zero padding on all four sides.
class PrunableConv2d {
 public:
  PrunableConv2d(LayerTensors tensors, std::int64_t stride, std::int64_t padding)
      : tensors_(std::move(tensors)), stride_(stride), padding_(padding) {}
  at::Tensor forward(const at::Tensor& input) const;

 private:
  LayerTensors tensors_;
  std::int64_t stride_;
  std::int64_t padding_;
};

}  // namespace espalier
