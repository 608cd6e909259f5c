#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "worker/layers/compute_meter.h"

namespace espalier {

/// Weight and mask have one shape: [out, in], or [out, in / groups, kernel...]; bias [out], undefined if there is none.
/// All of one floating type; the mask is 1 where a weight is kept, else 0.
struct LayerTensors {
  at::Tensor weight;
  at::Tensor bias;
  at::Tensor mask;
};

/// A layer whose weights can be pruned. It is notified of mask changes and chooses how it computes, without the network
/// or the training knowing. The network keeps a pruned weight at zero, so the dense product is the masked one.
class MaskedLayer {
 public:
  MaskedLayer(std::string name, LayerTensors tensors) : name_(std::move(name)), tensors_(std::move(tensors)) {}
  virtual ~MaskedLayer() = default;

  const std::string& name() const { return name_; }
  virtual at::Tensor forward(const at::Tensor& input) const = 0;

  /// Called after every change of the mask, and before the first pass under a new one.
  virtual void on_mask_changed();
  /// Share of the weights that the mask keeps; 1 before the first mask.
  double density() const { return density_; }

  /// The multiply-adds of forward(input), which gave `output`.
  virtual Compute compute(const at::Tensor& input, const at::Tensor& output) const;

 protected:
  const LayerTensors& tensors() const { return tensors_; }
  /// Of so many multiply-adds with all weights.
  Compute of_products(std::int64_t done) const { return {done, static_cast<double>(done) * density_}; }

 private:
  const std::string name_;
  const LayerTensors tensors_;
  double density_ = 1;
};

}  // namespace espalier
