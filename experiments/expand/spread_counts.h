#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/expand/operating_points.h"
#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// The scopes as allocations see them: with a shape where a scope is a single layer.
std::vector<AllocationScope> allocation_scopes(const std::vector<PruneScope>& scopes,
                                               const std::vector<PrunableLayer>& layers);

/// Densities times units, whole, adding up to `total`, at most `most`.
std::vector<std::int64_t> spread_counts(const Allocation& allocation, const std::vector<AllocationScope>& scopes,
                                        std::int64_t total, const std::vector<std::int64_t>& most);

/// The counts that allocation erk gives for the totals of `point`. Nothing where scopes are not single layers.
std::optional<OperatingPoint> spread_by_erk(const OperatingPoint& point, const std::vector<PruneScope>& scopes,
                                            const std::vector<PrunableLayer>& layers);

}  // namespace espalier
