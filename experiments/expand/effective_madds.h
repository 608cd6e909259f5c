#pragma once

#include <optional>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// Multiply-adds of one example that are left, by the kept share of each layer's weights. Nothing where the counts of
/// layers are not known before the scores are.
std::optional<double> effective_madds(const PruneTarget& target, const std::vector<PruneScope>& scopes,
                                      const std::vector<PrunableLayer>& layers);

}  // namespace espalier
