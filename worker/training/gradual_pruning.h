#pragma once

#include <cstdint>
#include <vector>

#include "experiments/stages/outcome.h"
#include "experiments/stages/stage_spec.h"
#include "worker/data/resident_dataset.h"
#include "worker/network/network.h"

namespace espalier {

/// Raises a network's sparsity while it trains: GradualSpec says before which steps. What it does at a step is a
/// function of the spec, the seed, the step and the network, so a training may be cut or resumed anywhere.
class GradualPruning {
 public:
  /// `spec`, `network` and `data` outlive it.
  GradualPruning(const GradualSpec& spec, std::uint64_t seed, Network& network, const ResidentDataset& data)
      : spec_(spec), seed_(seed), network_(network), data_(data) {}

  /// To be called before every step. True: it pruned. Errors: those of prune_network.
  bool before_step(std::int64_t step);

 private:
  const GradualSpec& spec_;
  std::uint64_t seed_;
  Network& network_;
  const ResidentDataset& data_;
};

/// What the last target left of each layer.
std::vector<LayerCount> count_layers(const Network& network);

}  // namespace espalier
