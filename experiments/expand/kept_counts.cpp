#include "experiments/expand/kept_counts.h"

#include <algorithm>
#include <cmath>

#include "experiments/schedules/schedules.h"

namespace espalier {
namespace {

std::int64_t share_of(std::int64_t total, double share) {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(total) * share));
}

}  // namespace

std::vector<std::int64_t> kept_by_schedule(std::int64_t total, std::string_view schedule, double sparsity,
                                           std::int64_t rounds) {
  std::vector<std::int64_t> kept;
  for (std::int64_t round = 1; round < rounds; ++round) {
    kept.push_back(
        share_of(total, density_after(schedule, sparsity, static_cast<double>(round) / static_cast<double>(rounds))));
  }
  kept.push_back(share_of(total, 1 - sparsity));
  return kept;
}

std::vector<std::int64_t> kept_by_rate(std::int64_t total, double rate, std::int64_t rounds) {
  std::vector<std::int64_t> kept;
  for (std::int64_t round = 1; round <= rounds; ++round) {
    total -= share_of(total, rate);
    kept.push_back(total);
  }
  return kept;
}

std::vector<std::int64_t> kept_by_rate_to(std::int64_t total, double rate, std::int64_t rounds, double sparsity) {
  const std::int64_t target = share_of(total, 1 - sparsity);
  std::vector<std::int64_t> kept = kept_by_rate(total, rate, rounds);
  for (std::int64_t& count : kept) count = std::max(count, target);
  kept.back() = target;
  return kept;
}

std::optional<std::int64_t> rounds_to_reach(double sparsity, double rate, std::int64_t most) {
  constexpr double kRoundingError = 1e-9;  // 0.8^2 is not below 1 - 0.36 by a bit or two
  double density = 1;
  for (std::int64_t round = 1; round <= most; ++round) {
    density *= 1 - rate;
    if (density <= (1 - sparsity) * (1 + kRoundingError)) return round;
  }
  return std::nullopt;
}

}  // namespace espalier
