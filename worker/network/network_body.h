#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "experiments/models/model_description.h"
#include "worker/network/flat_parameters.h"
#include "worker/operators/pass.h"

namespace espalier {

/// What a network computes with its parameters.
class NetworkBody {
 public:
  virtual ~NetworkBody() = default;
  virtual at::Tensor forward(const at::Tensor& input, const Pass& pass) const = 0;
  /// What the passes in training mode from now on draw (dropout) is a function of the seed.
  virtual void seed_step(std::uint64_t /*seed*/) {}
  /// The masks of its layers are others now: each chooses how it computes.
  virtual void on_masks_changed() {}
};

/// Runs a description's graph, node after node. Takes its parameters, named "fc1.weight", "fc1.bias", "bn1.weight", and
/// buffers, "bn1.running_mean", from `parameters`, in the graph's order.
std::unique_ptr<NetworkBody> make_body(const ModelDescription& model, FlatParameters& parameters);

}  // namespace espalier
