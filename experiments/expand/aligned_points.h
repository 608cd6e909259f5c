#pragma once

#include <cstdint>
#include <vector>

#include "experiments/expand/kept_bounds.h"
#include "experiments/expand/operating_points.h"
#include "experiments/expand/scope_rankings.h"

namespace espalier {

/// Makes multiples of the counts of scopes that are counted by themselves (`prune.align`, experiments/pruning/
/// aligned_counts.h): by round, then by ranking. Each goes to the nearest; with `holds_total` the sum of those without
/// a ratio stays as near to what it was as multiples allow. What rankings of several leave is aligned as they are made.
/// Refuses filters of a convolution in groups, and multiples that leave all where it is; warns of a total that ends far
/// from the one asked for.
void align_counts(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, const KeptBounds& bounds,
                  bool holds_total, std::vector<std::vector<std::int64_t>>& counts, Problems& problems);

}  // namespace espalier
