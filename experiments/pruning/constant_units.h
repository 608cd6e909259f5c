#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// Whether an output of a layer, by its place along the weight's dimension of outputs, has no weights.
using IsEmptyOutput = std::function<bool(const std::string& layer, std::int64_t output)>;

/// What the units of a scope still send on to the layers that read them, where their layers have no weights left: a
/// norm's shift, a bias, or what an activation makes of them.
struct ConstantUnits {
  PruneScope scope;
  std::vector<bool> emptied;          ///< by unit: one of its layers at least has no weights for it
  std::vector<std::string> obstacle;  ///< by unit: why its readers are not given the same for all examples, or cannot
                                      ///< have it in their biases; "" if there is no reason
};

/// Of each scope of channel_scopes and then of head_scopes, by the graph alone: what a unit gives depends on no example
/// if all that is computed of it comes from empty outputs and parameters. It may differ from place to place of an
/// image, or from token to token.
std::vector<ConstantUnits> constant_units(const OperatorGraph& graph, const IsEmptyOutput& is_empty);

}  // namespace espalier
