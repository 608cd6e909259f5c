#include "analysis/statistics/effect_sizes.h"

#include <cmath>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>

namespace espalier {
namespace {

struct Moments {
  double count = 0, mean = 0, variance = 0;
};

Moments moments(const std::vector<double>& numbers) {
  Moments found;
  found.count = static_cast<double>(numbers.size());
  found.mean = std::accumulate(numbers.begin(), numbers.end(), 0.0) / found.count;
  for (const double one : numbers) found.variance += (one - found.mean) * (one - found.mean);
  found.variance /= found.count - 1;
  return found;
}

EffectSize corrected(double d, double degrees) {
  EffectSize size;
  size.cohen_d = d;
  size.correction = boost::math::tgamma_ratio(degrees / 2, (degrees - 1) / 2) / std::sqrt(degrees / 2);
  size.hedges_g = d * size.correction;
  return size;
}

}  // namespace

EffectSize effect_size(const std::vector<double>& x, const std::vector<double>& y) {
  const Moments a = moments(x), b = moments(y);
  const double degrees = a.count + b.count - 2;
  const double pooled = std::sqrt(((a.count - 1) * a.variance + (b.count - 1) * b.variance) / degrees);
  return corrected((a.mean - b.mean) / pooled, degrees);
}

EffectSize paired_effect_size(const std::vector<double>& differences) {
  const Moments found = moments(differences);
  return corrected(found.mean / std::sqrt(found.variance), found.count - 1);
}

double approximate_correction(double degrees) {
  return 1 - 3 / (4 * degrees - 1);
}

WelchTest welch_test(const std::vector<double>& x, const std::vector<double>& y) {
  const Moments a = moments(x), b = moments(y);
  const double of_a = a.variance / a.count, of_b = b.variance / b.count;
  WelchTest test;
  test.t = (a.mean - b.mean) / std::sqrt(of_a + of_b);
  test.degrees = (of_a + of_b) * (of_a + of_b) / (of_a * of_a / (a.count - 1) + of_b * of_b / (b.count - 1));
  const boost::math::students_t student(test.degrees);
  test.p = 2 * cdf(complement(student, std::abs(test.t)));
  return test;
}

}  // namespace espalier
