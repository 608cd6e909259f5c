#include "analysis/statistics/corrections.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace espalier {
namespace {

/// From the largest down: p times factor * m / rank, never above the one before.
std::vector<double> step_up(const std::vector<double>& p_values, double factor) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::greater{}, [&](std::size_t i) { return p_values[i]; });
  const auto count = static_cast<double>(p_values.size());
  std::vector<double> corrected(p_values.size());
  double least = 1;
  double rank = count;
  for (const std::size_t i : order) {
    least = std::min(least, p_values[i] * factor * count / rank);
    corrected[i] = least;
    rank -= 1;
  }
  return corrected;
}

}  // namespace

std::vector<double> correct_by_bonferroni(const std::vector<double>& p_values) {
  std::vector<double> corrected;
  for (const double p : p_values) corrected.push_back(std::min(1.0, p * static_cast<double>(p_values.size())));
  return corrected;
}

std::vector<double> correct_by_benjamini_hochberg(const std::vector<double>& p_values) {
  return step_up(p_values, 1);
}

std::vector<double> correct_by_benjamini_yekutieli(const std::vector<double>& p_values) {
  double harmonic = 0;
  for (std::size_t rank = 1; rank <= p_values.size(); ++rank) harmonic += 1 / static_cast<double>(rank);
  return step_up(p_values, harmonic);
}

}  // namespace espalier
