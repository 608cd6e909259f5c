#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace espalier {

/// A statistic of values that are not empty.
using Statistic = std::function<double(const std::vector<double>&)>;
double mean_of(const std::vector<double>& values);
double median_of(const std::vector<double>& values);
/// Linear between two values, as R's type 7; `level` is in [0, 1].
double quantile_of(std::vector<double> values, double level);

struct Interval {
  double low = 0, high = 0;
};

/// What resampling says of a statistic (Efron 1979, doi:10.1214/aos/1176344552).
struct Bootstrap {
  double estimate = 0;         ///< of the values themselves
  double standard_error = 0;   ///< standard deviation over the resamples, count - 1 in the denominator
  Interval percentile, basic;  ///< 95 %
  /// 95 %, corrected for bias and skew (BCa, Efron 1987, doi:10.1080/01621459.1987.10478410): quantiles at bca_levels,
  /// from z0 = Phi^-1((#less + #equal / 2) / resamples) and the jackknife's acceleration.
  Interval bca, bca_levels;
  double z0 = 0, acceleration = 0;
};

/// `resamples`: places of the values that each takes, with repetition, as many as there are values.
Bootstrap bootstrap(const std::vector<double>& values, const Statistic& statistic,
                    const std::vector<std::vector<std::int64_t>>& resamples);

/// Drawn by a seed: the same everywhere.
std::vector<std::vector<std::int64_t>> draw_resamples(std::size_t values, std::size_t count, std::uint64_t seed);

}  // namespace espalier
