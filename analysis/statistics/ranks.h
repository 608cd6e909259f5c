#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

/// 1 for the least; equal values share the mean of their ranks.
std::vector<double> mid_ranks(const std::vector<double>& values);

/// How many values are equal, for each group of at least two.
std::vector<std::int64_t> sizes_of_ties(std::vector<double> values);

}  // namespace espalier
