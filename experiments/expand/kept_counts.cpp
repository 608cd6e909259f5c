#include "experiments/expand/kept_counts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "base/rounded_share.h"
#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

std::vector<std::int64_t> kept_by_schedule(std::int64_t total, std::string_view schedule, double sparsity,
                                           std::int64_t rounds) {
  std::vector<std::int64_t> kept;
  for (std::int64_t round = 1; round < rounds; ++round) {
    kept.push_back(rounded_share(
        total, density_after(schedule, sparsity, static_cast<double>(round) / static_cast<double>(rounds))));
  }
  kept.push_back(rounded_share(total, 1 - sparsity));
  return kept;
}

std::vector<std::int64_t> kept_by_rate(std::int64_t total, double rate, std::int64_t rounds) {
  std::vector<std::int64_t> kept;
  for (std::int64_t round = 1; round <= rounds; ++round) {
    total -= rounded_share(total, rate);
    kept.push_back(total);
  }
  return kept;
}

std::vector<std::int64_t> kept_by_rate_to(std::int64_t total, double rate, std::int64_t rounds, double sparsity) {
  const std::int64_t target = rounded_share(total, 1 - sparsity);
  std::vector<std::int64_t> kept = kept_by_rate(total, rate, rounds);
  for (std::int64_t& count : kept) count = std::max(count, target);
  kept.back() = target;
  return kept;
}

std::vector<std::int64_t> apportion(std::span<const double> quotas, std::int64_t total,
                                    std::span<const std::int64_t> least, std::span<const std::int64_t> most) {
  constexpr double kRoundingError = 1e-9;
  constexpr double kNothing = 1e-12;  // a quota of zero may have to grow too
  const auto share = [&](std::size_t i, double factor) {
    return std::clamp(factor * std::max(quotas[i], kNothing), static_cast<double>(least[i]),
                      static_cast<double>(most[i]));
  };
  const auto sum = [&](double factor) {
    double all = 0;
    for (std::size_t i = 0; i < quotas.size(); ++i) all += share(i, factor);
    return all;
  };
  const auto wanted = static_cast<double>(total);
  double factor = 1;
  if (std::abs(sum(1) - wanted) > kRoundingError * std::max(1.0, wanted)) {
    double low = -120, high = 120;  // powers of two: the sum rises with the factor
    for (int step = 0; step < 200; ++step) {
      factor = std::exp2((low + high) / 2);
      (sum(factor) < wanted ? low : high) = (low + high) / 2;
    }
  }
  std::vector<std::int64_t> counts;
  std::vector<double> remainders;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    const double exact = share(i, factor);
    counts.push_back(static_cast<std::int64_t>(std::floor(exact + kRoundingError)));
    remainders.push_back(exact - static_cast<double>(counts.back()));
  }
  std::vector<std::size_t> order(quotas.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  std::int64_t missing = total - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (bool moved = true; missing != 0 && moved;) {
    moved = false;
    for (const std::size_t i : order) {
      const std::int64_t step = missing > 0 ? 1 : -1;
      if (missing == 0 || counts[i] + step > most[i] || counts[i] + step < least[i]) continue;
      counts[i] += step;
      missing -= step;
      moved = true;
    }
  }
  return counts;
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
