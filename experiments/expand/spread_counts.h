#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/expand/operating_points.h"
#include "experiments/pruning/aligned_counts.h"
#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// The scopes as allocations see them: with a shape where a scope is a single layer.
std::vector<AllocationScope> allocation_scopes(const std::vector<PruneScope>& scopes,
                                               const std::vector<PrunableLayer>& layers);

/// Densities times units, whole, adding up to `total`, at most `most` (which may hold less).
std::vector<std::int64_t> spread_counts(const Allocation& allocation, const std::vector<AllocationScope>& scopes,
                                        std::int64_t total, const std::vector<std::int64_t>& most);

/// What each scope may keep where counts are multiples of `align` (1: any number), of so many units at most.
std::vector<AlignedScope> aligned_scopes(const std::vector<PruneScope>& scopes, std::int64_t align,
                                         const std::vector<std::int64_t>& most);

/// The counts that allocation erk gives for the totals of `point`. Nothing where scopes are not single layers.
std::optional<OperatingPoint> spread_by_erk(const OperatingPoint& point, const std::vector<PruneScope>& scopes,
                                            const std::vector<PrunableLayer>& layers, std::int64_t align);

}  // namespace espalier
