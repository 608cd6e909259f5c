#include "analysis/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/normal.hpp>

#include "base/random.h"

namespace espalier {
namespace {

constexpr double kTail = 0.025;

double acceleration_of(const std::vector<double>& values, const Statistic& statistic) {
  std::vector<double> left_out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<double> others = values;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    left_out.push_back(statistic(others));
  }
  const double mean = mean_of(left_out);
  double squares = 0, cubes = 0;
  for (const double one : left_out) {
    squares += (mean - one) * (mean - one);
    cubes += (mean - one) * (mean - one) * (mean - one);
  }
  return squares == 0 ? 0 : cubes / (6 * std::pow(squares, 1.5));
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median_of(const std::vector<double>& values) {
  return quantile_of(values, 0.5);
}

double quantile_of(std::vector<double> values, double level) {
  std::ranges::sort(values);
  const double place = level * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

Bootstrap bootstrap(const std::vector<double>& values, const Statistic& statistic,
                    const std::vector<std::vector<std::int64_t>>& resamples) {
  Bootstrap result;
  result.estimate = statistic(values);
  std::vector<double> drawn, taken(values.size());
  for (const std::vector<std::int64_t>& places : resamples) {
    for (std::size_t i = 0; i < taken.size(); ++i) taken[i] = values[static_cast<std::size_t>(places[i])];
    drawn.push_back(statistic(taken));
  }
  const double mean = mean_of(drawn);
  double squares = 0;
  for (const double one : drawn) squares += (one - mean) * (one - mean);
  result.standard_error = std::sqrt(squares / static_cast<double>(drawn.size() - 1));
  result.percentile = {quantile_of(drawn, kTail), quantile_of(drawn, 1 - kTail)};
  result.basic = {2 * result.estimate - result.percentile.high, 2 * result.estimate - result.percentile.low};

  const boost::math::normal normal;
  const auto less = std::ranges::count_if(drawn, [&](double one) { return one < result.estimate; });
  const auto equal = std::ranges::count(drawn, result.estimate);
  const double part = (static_cast<double>(less) + static_cast<double>(equal) / 2) / static_cast<double>(drawn.size());
  const double least = 0.5 / static_cast<double>(drawn.size());  // where all resamples lie on one side
  result.z0 = quantile(normal, std::clamp(part, least, 1 - least));
  result.acceleration = acceleration_of(values, statistic);
  const auto level = [&](double tail) {
    const double z = result.z0 + quantile(normal, tail);
    return cdf(normal, result.z0 + z / (1 - result.acceleration * z));
  };
  result.bca_levels = {level(kTail), level(1 - kTail)};
  result.bca = {quantile_of(drawn, result.bca_levels.low), quantile_of(drawn, result.bca_levels.high)};
  return result;
}

std::vector<std::vector<std::int64_t>> draw_resamples(std::size_t values, std::size_t count, std::uint64_t seed) {
  RandomStream random(seed, "bootstrap");
  std::vector<std::vector<std::int64_t>> resamples(count, std::vector<std::int64_t>(values));
  for (std::vector<std::int64_t>& places : resamples)
    for (std::int64_t& place : places) place = static_cast<std::int64_t>(random.below(values));
  return resamples;
}

}  // namespace espalier
