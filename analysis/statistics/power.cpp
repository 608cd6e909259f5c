#include "analysis/statistics/power.h"

#include <cmath>

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>

namespace espalier {

std::optional<double> least_effect(std::int64_t seeds, std::int64_t comparisons) {
  constexpr double kAlpha = 0.05;
  if (seeds < 2 || comparisons < 1) return std::nullopt;
  const boost::math::students_t_distribution<double> t(static_cast<double>(seeds - 1));
  const double tail = kAlpha / (2 * static_cast<double>(comparisons));
  return boost::math::quantile(boost::math::complement(t, tail)) / std::sqrt(static_cast<double>(seeds));
}

std::int64_t count_comparisons(const std::vector<Trial>& trials) {
  std::int64_t count = 0;
  bool has_random = false;
  const TrialConfig* last = nullptr;  // seeds share it, and follow each other
  for (const Trial& trial : trials) {
    if (trial.config.get() == last) continue;
    last = trial.config.get();
    count += last->prune && last->control == Control::none ? 1 : 0;
    has_random = has_random || last->control == Control::random;
  }
  return has_random ? count : 0;
}

std::string warning_of_power(std::int64_t seeds, std::int64_t comparisons) {
  constexpr double kPlain = 8;  // obvious without a test
  constexpr std::int64_t kMoreSeeds = 2;
  const auto effect = least_effect(seeds, comparisons);
  if (!effect || *effect <= kPlain) return "";
  return fmt::format(
      "with {} seeds and {} comparisons only effects above {:.0f} standard deviations can be significant; {} seeds: "
      "{:.1f}",
      seeds, comparisons, *effect, seeds + kMoreSeeds, *least_effect(seeds + kMoreSeeds, comparisons));
}

}  // namespace espalier
