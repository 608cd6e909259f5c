#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// What a sensitivity stage measured, a curve for each scope of a prune.
struct SensitivityCurves {
  std::vector<double> sparsities;           ///< rising, the first is 0: nothing removed
  std::vector<std::vector<double>> losses;  ///< by scope, then by sparsity; NaN is as bad as it gets
  std::vector<std::int64_t> units;          ///< by scope
};

/// Units to keep of each scope, `total` in all: every scope is pruned as far as its own curve allows for one common
/// rise of the loss. The rise of a scope at a sparsity is the largest so far on its curve, less that with nothing
/// removed, linear between the points; beyond them it rises to the worst of losses, so that there density falls alike
/// in all scopes. s_l(t) is the largest sparsity at which the rise of scope l is at most t; t is found by bisection
/// such that sum_l n_l (1 - s_l(t)) = total, and the quotas n_l (1 - s_l(t)) are made whole by largest remainders
/// (experiments/expand/kept_counts.h), at most `most` each, and at least 1 each if the total allows it. Paper: the
/// layer sensitivity analysis of Han, Pool, Tran & Dally 2015, arXiv:1506.02626, section 4.2. Differs: they read each
/// layer's threshold off the curves by eye. Errors: ErrorKind::invalid_input if `most` does not hold the total;
/// ErrorKind::internal for curves of other scopes.
std::vector<std::int64_t> allocate_by_sensitivity(const SensitivityCurves& curves, std::int64_t total,
                                                  std::span<const std::int64_t> most);

/// The same for each ranking of a target of rankings: PruneTarget::layer_kept, in multiples where it has some
/// (aligned_counts). `left` are the units of each scope that are left. Errors: the same.
std::vector<std::int64_t> counts_by_sensitivity(const SensitivityCurves& curves, const PruneTarget& target,
                                                std::span<const std::int64_t> left);

}  // namespace espalier
