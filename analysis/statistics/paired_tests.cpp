#include "analysis/statistics/paired_tests.h"

#include <algorithm>
#include <cmath>

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "analysis/statistics/ranks.h"

namespace espalier {
namespace {

using boost::math::cdf;
using boost::math::complement;
using boost::math::quantile;

double two_sided_normal(double z) {
  return 2 * cdf(complement(boost::math::normal(), std::abs(z)));
}

/// From the chances of at least and at most the observed.
PValues tails(double at_least, double at_most) {
  return {std::min(1.0, 2 * std::min(at_least, at_most)), at_least, at_most};
}

/// How often, over all signs, the ranks with a plus add up to each sum. Twice the ranks are whole numbers.
std::vector<double> chances_of_sums(const std::vector<std::int64_t>& doubled_ranks, std::int64_t most) {
  std::vector<double> chances(static_cast<std::size_t>(most) + 1, 0);
  chances[0] = 1;
  std::int64_t reached = 0;
  for (const std::int64_t rank : doubled_ranks) {
    reached += rank;
    for (std::int64_t sum = reached; sum >= 0; --sum) {
      const double without = chances[static_cast<std::size_t>(sum)];
      const double with = sum >= rank ? chances[static_cast<std::size_t>(sum - rank)] : 0;
      chances[static_cast<std::size_t>(sum)] = (without + with) / 2;
    }
  }
  return chances;
}

std::vector<double> without_zeros(const std::vector<double>& differences) {
  std::vector<double> rest;
  std::ranges::copy_if(differences, std::back_inserter(rest), [](double one) { return one != 0; });
  return rest;
}

}  // namespace

TTest t_test(const std::vector<double>& differences) {
  TTest test;
  const auto count = static_cast<double>(differences.size());
  for (const double one : differences) test.mean += one / count;
  double squares = 0;
  for (const double one : differences) squares += (one - test.mean) * (one - test.mean);
  test.degrees = count - 1;
  test.sd = std::sqrt(squares / test.degrees);
  const double error = test.sd / std::sqrt(count);
  test.t = test.mean / error;
  const boost::math::students_t student(test.degrees);
  test.p = {2 * cdf(complement(student, std::abs(test.t))), cdf(complement(student, test.t)), cdf(student, test.t)};
  const double half = quantile(student, 0.975) * error;
  test.low = test.mean - half;
  test.high = test.mean + half;
  return test;
}

EquivalenceTest equivalence_test(const std::vector<double>& differences, double margin) {
  const TTest mean = t_test(differences);
  const double error = mean.sd / std::sqrt(static_cast<double>(differences.size()));
  const boost::math::students_t student(mean.degrees);
  EquivalenceTest test;
  test.t_lower = (mean.mean + margin) / error;
  test.t_upper = (mean.mean - margin) / error;
  test.p_lower = cdf(complement(student, test.t_lower));
  test.p_upper = cdf(student, test.t_upper);
  test.p = std::max(test.p_lower, test.p_upper);
  const double half = quantile(student, 0.95) * error;
  test.low = mean.mean - half;
  test.high = mean.mean + half;
  return test;
}

SignedRankTest signed_rank_test(const std::vector<double>& differences) {
  const std::vector<double> rest = without_zeros(differences);
  SignedRankTest test;
  test.count = std::ssize(rest);
  test.zeros = std::ssize(differences) - test.count;
  if (rest.empty()) return test;
  std::vector<double> sizes;
  for (const double one : rest) sizes.push_back(std::abs(one));
  const std::vector<double> ranks = mid_ranks(sizes);
  std::vector<std::int64_t> doubled;
  std::int64_t doubled_plus = 0, all = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    doubled.push_back(std::llround(2 * ranks[i]));
    all += doubled.back();
    if (rest[i] > 0) doubled_plus += doubled.back();
  }
  test.plus = static_cast<double>(doubled_plus) / 2;
  test.minus = static_cast<double>(all - doubled_plus) / 2;
  const std::vector<double> chances = chances_of_sums(doubled, all);
  double at_least = 0, at_most = 0;
  for (std::int64_t sum = 0; sum <= all; ++sum) {
    if (sum >= doubled_plus) at_least += chances[static_cast<std::size_t>(sum)];
    if (sum <= doubled_plus) at_most += chances[static_cast<std::size_t>(sum)];
  }
  test.exact = tails(at_least, at_most);
  const auto count = static_cast<double>(test.count);
  test.variance = count * (count + 1) * (2 * count + 1) / 24;
  for (const std::int64_t tied : sizes_of_ties(sizes))
    test.variance -= static_cast<double>(tied * tied * tied - tied) / 48;
  const double from_mean = test.plus - count * (count + 1) / 4, sd = std::sqrt(test.variance);
  test.z = from_mean / sd;
  test.p_normal = std::min(1.0, two_sided_normal(test.z));
  test.z_corrected = (from_mean - std::copysign(std::min(0.5, std::abs(from_mean)), from_mean)) / sd;
  test.p_normal_corrected = std::min(1.0, two_sided_normal(test.z_corrected));
  return test;
}

SignTest sign_test(const std::vector<double>& differences) {
  SignTest test;
  test.positive = std::ranges::count_if(differences, [](double one) { return one > 0; });
  test.negative = std::ranges::count_if(differences, [](double one) { return one < 0; });
  const std::int64_t count = test.positive + test.negative;
  if (count == 0) return test;
  const boost::math::binomial signs(static_cast<double>(count), 0.5);
  const auto positive = static_cast<double>(test.positive);
  const double at_least = test.positive == 0 ? 1 : cdf(complement(signs, positive - 1));
  test.p = tails(at_least, cdf(signs, positive));
  return test;
}

}  // namespace espalier
