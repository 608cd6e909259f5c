#include "analysis/statistics/rank_correlation.h"

#include <cmath>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "analysis/statistics/ranks.h"

namespace espalier {
namespace {

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const auto count = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / count;
    mean_y += y[i] / count;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xy / std::sqrt(xx * yy);
}

/// Sums over groups of t equal values.
struct TieSums {
  double pairs = 0;     ///< t (t - 1)
  double triples = 0;   ///< t (t - 1) (t - 2)
  double weighted = 0;  ///< t (t - 1) (2 t + 5)
};
TieSums tie_sums(const std::vector<double>& values) {
  TieSums sums;
  for (const std::int64_t size : sizes_of_ties(values)) {
    const auto t = static_cast<double>(size);
    sums.pairs += t * (t - 1);
    sums.triples += t * (t - 1) * (t - 2);
    sums.weighted += t * (t - 1) * (2 * t + 5);
  }
  return sums;
}

}  // namespace

RankCorrelation rank_correlation(const std::vector<double>& x, const std::vector<double>& y) {
  RankCorrelation found;
  const auto count = static_cast<double>(x.size());
  found.spearman = pearson(mid_ranks(x), mid_ranks(y));
  const boost::math::students_t student(count - 2);
  if (std::abs(found.spearman) < 1) {
    const double t = found.spearman * std::sqrt((count - 2) / (1 - found.spearman * found.spearman));
    found.spearman_p = 2 * cdf(complement(student, std::abs(t)));
  } else {
    found.spearman_p = 0;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double product = (x[i] - x[j]) * (y[i] - y[j]);
      found.concordant += product > 0 ? 1 : 0;
      found.discordant += product < 0 ? 1 : 0;
      found.tied_x += x[i] == x[j] ? 1 : 0;
      found.tied_y += y[i] == y[j] ? 1 : 0;
    }
  }
  const double pairs = count * (count - 1) / 2;
  const auto score = static_cast<double>(found.concordant - found.discordant);
  found.kendall =
      score / std::sqrt((pairs - static_cast<double>(found.tied_x)) * (pairs - static_cast<double>(found.tied_y)));
  const TieSums of_x = tie_sums(x), of_y = tie_sums(y);
  const double variance = (count * (count - 1) * (2 * count + 5) - of_x.weighted - of_y.weighted) / 18 +
                          of_x.pairs * of_y.pairs / (2 * count * (count - 1)) +
                          of_x.triples * of_y.triples / (9 * count * (count - 1) * (count - 2));
  found.kendall_p = 2 * cdf(complement(boost::math::normal(), std::abs(score) / std::sqrt(variance)));
  return found;
}

}  // namespace espalier
