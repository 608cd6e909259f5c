#pragma once

#include <vector>

namespace espalier {

struct RatioInterval {
  double ratio = 1, low = 1, high = 1;
};

/// The median of a[i] / b[i], and its 95 % percentile bootstrap interval (Efron 1979, doi:10.1214/aos/1176344552): the
/// same for the same numbers. Both are as long, not empty, and above 0.
RatioInterval paired_ratio(const std::vector<double>& a, const std::vector<double>& b);

/// Of values that are not empty; linear between two, as R's type 7. `part` is in [0, 1].
double quantile(std::vector<double> values, double part);

}  // namespace espalier
