#include "analysis/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>

namespace espalier {
namespace {

double p_of_zero_mean(const boost::math::students_t& student, double mean, double standard_error) {
  if (standard_error == 0) return mean == 0 ? 1.0 : 0.0;
  return 2 * boost::math::cdf(boost::math::complement(student, std::abs(mean / standard_error)));
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
  // Equal numbers have no spread, whatever the rounding of their mean says.
  const bool all_equal = std::adjacent_find(numbers.begin(), numbers.end(), std::not_equal_to<>()) == numbers.end();
  estimate.sd = all_equal ? 0.0 : std::sqrt(squares / (count - 1));
  const double standard_error = *estimate.sd / std::sqrt(count);
  const boost::math::students_t student(count - 1);
  const double half = boost::math::quantile(boost::math::complement(student, 0.025)) * standard_error;
  estimate.low = estimate.mean - half;
  estimate.high = estimate.mean + half;
  estimate.p_value = p_of_zero_mean(student, estimate.mean, standard_error);
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
