#pragma once

#include <cstdint>
#include <vector>

#include "experiments/expand/operating_points.h"
#include "experiments/expand/scope_rankings.h"

namespace espalier {

/// `prune.min_kept` and `max_kept` in units of each scope; nothing where neither is given. Scopes with a ratio have
/// none.
struct KeptBounds {
  std::vector<std::int64_t> least;
  std::vector<std::vector<std::int64_t>> most;  ///< by round, approached as the total is
};

/// Reads the bounds, as multiples with `align`, and cuts `counts` at them: by round, then by ranking. Where each scope
/// is counted by itself, the rest is redistributed over the scopes without a ratio, in proportion; of rankings the
/// bounds are for the selection. `compete`: whether counts come out of rankings. Reports bounds that exclude each other
/// or the totals, and patterns that fit no scope.
KeptBounds apply_kept_bounds(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, bool compete,
                             std::vector<std::vector<std::int64_t>>& counts, Problems& problems);

}  // namespace espalier
