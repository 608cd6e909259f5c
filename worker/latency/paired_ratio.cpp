#include "worker/latency/paired_ratio.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/random.h"

namespace espalier {
namespace {

/// Reorders them.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

double quantile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  const double place = part * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

RatioInterval paired_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  constexpr int kResamples = 1000;
  constexpr double kTail = 0.025;
  std::vector<double> ratios(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) ratios[i] = a[i] / b[i];
  RandomStream random(0, "bootstrap");
  std::vector<double> drawn(ratios.size()), medians(kResamples);
  for (double& median : medians) {
    for (double& one : drawn) one = ratios[random.below(ratios.size())];
    median = median_of(drawn);
  }
  return {median_of(ratios), quantile(medians, kTail), quantile(medians, 1 - kTail)};
}

}  // namespace espalier
