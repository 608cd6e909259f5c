#pragma once

#include <optional>
#include <vector>

#include "experiments/expand/prune_setting.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// A sparsity that trials are run at, and the exact counts of the rounds that lead there.
struct OperatingPoint {
  double sparsity_target = 0;  ///< as requested, or the fraction removed by the counts (6 decimals)
  std::vector<PruneTarget> rounds;
};

/// What is counted, and how.
struct PointsQuestion {
  const PruneSetting& setting;
  const PruneKeys& keys;
  const std::vector<PruneScope>& scopes;
  const std::vector<PrunableLayer>& layers;
  std::int64_t parameters = 0;          ///< of the network, for sparsities of all of them
  std::optional<GradualSteps> gradual;  ///< of a schedule inside the training
  KeyPlace sparsity_place;
  const OperatorGraph* graph = nullptr;  ///< of the model, where it is known
};

/// One point for a sparsity, a table of sparsities or n:m; every round is a point if the schedule has a rate and no
/// target. Counts are in units of the scopes (prune_scopes.h). With `align`, counts of single scopes are multiples,
/// each the nearest, or (of an allocation that holds a total) such that the total is as near as multiples allow; what
/// rankings leave is aligned as they are made. Empty after reporting a layer that the model does not have, bounds that
/// cannot hold, or counts that would leave nothing of a layer or network, or (of structures) all of it.
std::vector<OperatingPoint> make_operating_points(const PointsQuestion& question, Problems& problems);

}  // namespace espalier
