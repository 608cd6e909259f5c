#include "analysis/statistics/friedman.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/math/tools/roots.hpp>

#include "analysis/statistics/ranks.h"

namespace espalier {
namespace {

/// That the range of k standard normal numbers is at most `width`: k integral phi(z) (Phi(z) - Phi(z - width))^(k-1).
double chance_of_range(double width, std::size_t methods) {
  const boost::math::normal normal;
  const auto density = [&](double z) {
    const double between = cdf(normal, z) - cdf(normal, z - width);
    return pdf(normal, z) * std::pow(between, static_cast<double>(methods - 1));
  };
  constexpr double kFar = 9;  // 1e-19 lies beyond
  using Rule = boost::math::quadrature::gauss_kronrod<double, 61>;
  return static_cast<double>(methods) * Rule::integrate(density, -kFar, kFar + width, 10, 1e-13);
}

}  // namespace

FriedmanTest friedman_test(const std::vector<std::vector<double>>& scores) {
  const auto methods = static_cast<double>(scores.front().size()), datasets = static_cast<double>(scores.size());
  FriedmanTest test;
  test.average_ranks.assign(scores.front().size(), 0);
  double tied = 0;
  for (const std::vector<double>& row : scores) {
    std::vector<double> worse_first;
    for (const double score : row) worse_first.push_back(-score);
    const std::vector<double> ranks = mid_ranks(worse_first);
    for (std::size_t i = 0; i < ranks.size(); ++i) test.average_ranks[i] += ranks[i] / datasets;
    for (const std::int64_t size : sizes_of_ties(row)) tied += static_cast<double>(size * size * size - size);
  }
  double squares = 0;
  for (const double rank : test.average_ranks) squares += (rank - (methods + 1) / 2) * (rank - (methods + 1) / 2);
  test.chi2_uncorrected = 12 * datasets / (methods * (methods + 1)) * squares;
  test.chi2 = test.chi2_uncorrected / (1 - tied / (datasets * methods * (methods * methods - 1)));
  test.p = cdf(complement(boost::math::chi_squared(methods - 1), test.chi2));
  test.iman_davenport = (datasets - 1) * test.chi2 / (datasets * (methods - 1) - test.chi2);
  const boost::math::fisher_f f(methods - 1, (methods - 1) * (datasets - 1));
  test.iman_davenport_p =
      std::isfinite(test.iman_davenport) && test.iman_davenport >= 0 ? cdf(complement(f, test.iman_davenport)) : 0;
  return test;
}

double nemenyi_quantile(std::size_t methods, double alpha) {
  const auto excess = [&](double width) { return chance_of_range(width, methods) - (1 - alpha); };
  std::uintmax_t steps = 200;
  const auto [low, high] =
      boost::math::tools::toms748_solve(excess, 0.0, 20.0, boost::math::tools::eps_tolerance<double>(45), steps);
  return (low + high) / 2 / std::sqrt(2.0);
}

double critical_difference(std::size_t methods, std::size_t datasets, double alpha) {
  const auto k = static_cast<double>(methods);
  return nemenyi_quantile(methods, alpha) * std::sqrt(k * (k + 1) / (6 * static_cast<double>(datasets)));
}

}  // namespace espalier
