#include "analysis/statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>

namespace espalier {
namespace {

// Differences of accuracies that are equal but for rounding: of two or three seeds, that is a coincidence, or a sign
// that the seeds are not independent; t = mean / 0 would be infinitely sure of it.
bool has_spread(double sd, double mean) {
  return sd > 1e-9 * std::max(1.0, std::abs(mean));
}

}  // namespace

MeanEstimate estimate_mean(const std::vector<double>& numbers) {
  MeanEstimate estimate;
  estimate.count = numbers.size();
  if (numbers.empty()) return estimate;
  const double count = static_cast<double>(numbers.size());
  estimate.mean = std::accumulate(numbers.begin(), numbers.end(), 0.0) / count;
  if (numbers.size() < 2) return estimate;

  double squares = 0;
  for (const double number : numbers) squares += (number - estimate.mean) * (number - estimate.mean);
  estimate.sd = std::sqrt(squares / (count - 1));
  if (!has_spread(*estimate.sd, estimate.mean)) {
    estimate.sd = 0;
    if (estimate.mean == 0) {
      estimate.low = estimate.high = 0;
      estimate.p_value = 1;
    }
    return estimate;
  }
  const double standard_error = *estimate.sd / std::sqrt(count);
  const boost::math::students_t student(count - 1);
  const double half = boost::math::quantile(boost::math::complement(student, 0.025)) * standard_error;
  estimate.low = estimate.mean - half;
  estimate.high = estimate.mean + half;
  estimate.p_value = 2 * boost::math::cdf(boost::math::complement(student, std::abs(estimate.mean / standard_error)));
  return estimate;
}

std::vector<std::optional<double>> correct_by_holm(const std::vector<std::optional<double>>& p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    if (p_values[i]) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return *p_values[a] < *p_values[b]; });
  std::vector<std::optional<double>> corrected(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double factor = static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, factor * *p_values[order[rank]]));
    corrected[order[rank]] = largest;
  }
  return corrected;
}

}  // namespace espalier
