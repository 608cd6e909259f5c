#pragma once

#include "worker/layers/masked_layer.h"

namespace espalier {

/// y = x W^T + b for x [..., in].
class Linear : public MaskedLayer {
 public:
  using MaskedLayer::MaskedLayer;
  at::Tensor forward(const at::Tensor& input) const override;
};

}  // namespace espalier
