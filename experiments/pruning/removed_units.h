#pragma once

#include <string>
#include <vector>

#include "experiments/formats/safetensors.h"
#include "experiments/pruning/prune_scopes.h"
#include "experiments/pruning/shrink.h"

namespace espalier {

/// The units of a scope that leave.
struct RemovedUnits {
  PruneScope scope;
  std::vector<bool> leaves;  ///< by unit; by block of a scope of blocks
};

/// The channels, heads and blocks of which masks keep nothing: neither weights nor what goes with them, the biases and
/// the scales and shifts of norms. What of a unit still sends something on, as a filter whose norm has its shift, does
/// not leave. Of a scope that is empty one channel or head stays, since no tensor is without numbers. `masks` are bytes
/// by the names of parameters, 0 for what is removed; of a parameter without one all is kept. In the order of
/// channel_scopes, head_scopes and block_scopes, only scopes that lose something. `besides`: of each channel scope and
/// then of each head scope the units that leave too, whatever their masks keep; empty for none.
std::vector<RemovedUnits> removed_units(const OperatorGraph& graph, const std::vector<TensorBytes>& masks,
                                        const std::vector<std::vector<bool>>& besides = {});

/// The graph without them, and what is left of each of its tensors: blocks leave first, then the channels and heads of
/// what stays. Errors: those of shrink().
ShrunkGraph without_units(const OperatorGraph& graph, const std::vector<RemovedUnits>& units);
/// The same of a model that has a graph.
ModelDescription model_without(const ModelDescription& model, const std::vector<RemovedUnits>& units);

}  // namespace espalier
