#include "worker/layers/masked_layer.h"

namespace espalier {

void MaskedLayer::on_mask_changed() {
  density_ = tensors_.mask.mean(at::kDouble).item<double>();
}

Compute MaskedLayer::compute(const at::Tensor&, const at::Tensor& output) const {
  // Each output element is one inner product: a row of [out, in], a filter of [out, in / groups, kernel...].
  return of_products(output.numel() * (tensors_.weight.numel() / tensors_.weight.size(0)));
}

}  // namespace espalier
