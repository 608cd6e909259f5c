#pragma once

#include <memory>
#include <optional>
#include <string>

#include "worker/jobs/stage_context.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {

/// The network of a stage, under the masks that the stage was given, as it is computed: with its masks, or without what
/// they remove as a whole (kShrunk). Files hold whole networks: tensors of either go in by own() and out by whole().
class StageNetwork {
 public:
  /// Errors: those of StageContext::network; ErrorKind::invalid_input for an unknown `compute`.
  StageNetwork(const StageContext& context, const ModelSpec& model, const std::string& compute);

  Network& network() { return *network_; }
  /// Errors: as Network::set_weights.
  void set_weights(const NamedTensors& weights);
  NamedTensors own(const NamedTensors& whole) const;
  NamedTensors whole(const NamedTensors& own) const;
  /// Lets the whole network compute the examples too, if this one is smaller. Returns by how much they differ
  /// (require_equal_outputs). Errors: those of require_equal_outputs.
  std::optional<double> check(const at::Tensor& examples) const;

 private:
  Network masked_network() const;

  const StageContext& context_;
  const ModelSpec& model_;
  std::optional<ShrunkNetwork> shrunk_;
  std::unique_ptr<Network> network_;
  NamedTensors buffers_;  ///< of the whole network, as they came in
};

}  // namespace espalier
