#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/prune_scopes.h"
#include "worker/criterion.h"
#include "worker/network.h"

namespace espalier {

/// What a scope's units are worth, on the CPU: float32 [units], and uint8 [units], 1 where something of the unit is
/// left.
struct UnitScores {
  at::Tensor scores;
  at::Tensor surviving;
};

/// Of granularities whose units are slices of tensors: row, filter, channel, head, layer. A unit's score is the
/// reduction over the scores of all weights that go with it, those removed before left out; of layers that the
/// criterion cannot score nothing is counted. Torch-Pruning's and PyTorch's (ln_structured) l1 and l2 of single layers
/// are these with criterion magnitude.
UnitScores score_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                       const Scores& scores);

/// Writes into `masks` (of Network::masks) what the scope's kept units (uint8 [units], on the CPU) leave: weights of
/// its layers and, for channel, head and layer, their biases and the scales and shifts of norms; other weights of these
/// tensors keep their masks. With `revive` off, what was removed stays removed.
void mask_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                const at::Tensor& kept_units, bool revive, NamedTensors& masks);

}  // namespace espalier
