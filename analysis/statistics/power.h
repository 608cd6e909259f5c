#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/trials/trial.h"

namespace espalier {

/// The least mean difference, in standard deviations of the seeds' differences, that a paired t-test of `seeds`
/// differences calls significant at 5 % when it is the first of `comparisons` in Holm's order:
/// t(1 - 0.05 / (2 m), n - 1) / sqrt(n). None with fewer than two seeds or no comparison.
std::optional<double> least_effect(std::int64_t seeds, std::int64_t comparisons);

/// How many comparisons with the random control a sweep makes: its pruned configurations that are no control; 0
/// without one.
std::int64_t count_comparisons(const std::vector<Trial>& trials);

/// A sentence if only effects of more than eight standard deviations could be detected; else "".
std::string warning_of_power(std::int64_t seeds, std::int64_t comparisons);

}  // namespace espalier
