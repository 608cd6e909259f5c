#include "analysis/statistics/proportions.h"

#include <cmath>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>

namespace espalier {

ProportionInterval clopper_pearson(std::int64_t hits, std::int64_t count) {
  const auto k = static_cast<double>(hits), n = static_cast<double>(count);
  ProportionInterval interval;
  if (hits > 0) interval.low = boost::math::ibeta_inv(k, n - k + 1, 0.025);
  if (hits < count) interval.high = boost::math::ibeta_inv(k + 1, n - k, 1 - 0.025);
  return interval;
}

ProportionInterval wilson(std::int64_t hits, std::int64_t count) {
  const double z = quantile(complement(boost::math::normal(), 0.025));
  const auto n = static_cast<double>(count);
  const double share = static_cast<double>(hits) / n;
  const double center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return {hits == 0 ? 0 : center - half, hits == count ? 1 : center + half};
}

}  // namespace espalier
