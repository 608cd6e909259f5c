#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "worker/layers/masked_layer.h"

namespace espalier {

/// Cross-correlation of x [batch, in, height, width] with square kernels, zero padding on all four sides.
class Conv2d : public MaskedLayer {
 public:
  Conv2d(std::string name, LayerTensors tensors, std::int64_t stride, std::int64_t padding)
      : MaskedLayer(std::move(name), std::move(tensors)), stride_(stride), padding_(padding) {}
  at::Tensor forward(const at::Tensor& input) const override;

 private:
  const std::int64_t stride_;
  const std::int64_t padding_;
};

}  // namespace espalier
