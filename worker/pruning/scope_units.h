#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/pruning/prune_scopes.h"
#include "worker/criteria/criterion.h"
#include "worker/network/network.h"

namespace espalier {

/// Whether the units are single weights of one layer: weight and n:m.
bool counts_weights(const Granularity& granularity);
/// The one layer of a scope whose units are single weights.
const PrunableWeight& layer_of(const PruneScope& scope, const Network& network);

/// What a scope's units are worth, one value each.
struct UnitScores {
  std::vector<float> scores;
  std::vector<std::uint8_t> surviving;  ///< 1 where something of the unit is left
};

/// A unit's score is the reduction over the scores of all weights that go with it, those removed before left out; of
/// layers that the criterion cannot score nothing is counted. Torch-Pruning's and PyTorch's (ln_structured) l1 and l2
/// of single layers are these with criterion magnitude. For all granularities but weight and n:m, whose scores are
/// those of weights.
UnitScores score_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                       const Scores& scores);

/// Of any granularity: 1 for each unit of which something is left. Of weight and n:m the mask's bytes.
std::vector<std::uint8_t> units_left(const PruneScope& scope, const Granularity& granularity, const Network& network);

/// Of any granularity. Writes into `masks` (of Network::masks) what the scope's kept units leave: weights of its layers
/// and, for channel, head and layer, their biases and the scales and shifts of norms. With `revive` off, what was
/// removed stays removed.
void mask_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                std::span<const std::uint8_t> kept_units, bool revive, NamedTensors& masks);

}  // namespace espalier
