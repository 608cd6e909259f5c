#pragma once

#include <optional>
#include <vector>

#include "experiments/model_description.h"
#include "experiments/problems.h"
#include "experiments/sweep_spec.h"

namespace espalier {

/// A sparsity that trials are run at, and the exact counts of the rounds that lead there.
struct OperatingPoint {
  double sparsity_target = 0;  ///< as asked for, or the fraction removed by the counts (6 decimals)
  std::vector<PruneTarget> rounds;
};

/// One point for a sparsity or a table of sparsities; every round is a point if the schedule has a rate and no target.
/// Empty after reporting a layer that the model does not have, or counts that would leave nothing of a layer or
/// network.
std::vector<OperatingPoint> make_operating_points(const std::vector<PrunableLayer>& layers,
                                                  std::optional<double> sparsity, const AllocationSetting& allocation,
                                                  const ScheduleSetting& schedule, const KeyPlace& sparsity_place,
                                                  Problems& problems);

}  // namespace espalier
