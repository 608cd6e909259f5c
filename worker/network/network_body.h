#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "experiments/models/model_description.h"
#include "worker/layers/compute_meter.h"
#include "worker/network/flat_parameters.h"
#include "worker/network/forward_observer.h"

namespace espalier {

class Gang;

/// Whether batch norms use (and update) statistics of the batch, or those they have kept; whether dropout drops.
/// batch_statistics: as evaluate, but batch norms use the batch's statistics, and what they have kept stays; a scripted
/// module does not know it and evaluates.
enum class Mode { evaluate, train, batch_statistics };

struct Pass {
  Mode mode = Mode::evaluate;
  ForwardObserver* observer = nullptr;
  ComputeMeter* meter = nullptr;  ///< what is computed is added to it
  Gang* gang = nullptr;  ///< in training: the gang whose members share batch norm statistics. Not for scripted modules
};

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

/// Runs a description's operations in order. Takes its parameters, named "fc1.weight", "fc1.bias", "bn1.weight", and
/// buffers, "bn1.running_mean", from `parameters`, in the description's order.
std::unique_ptr<NetworkBody> make_body(const ModelDescription& model, FlatParameters& parameters);

}  // namespace espalier
