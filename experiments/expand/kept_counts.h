#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace espalier {

// How many of `total` weights are left after each round. Sparsity and rate are fractions removed; halves are rounded up
// (rounded_share).

/// round(total * density_after(r / rounds)) for r = 1 .. rounds (schedules/schedules.h); the last is round(total * (1 -
/// sparsity)).
std::vector<std::int64_t> kept_by_schedule(std::int64_t total, std::string_view schedule, double sparsity,
                                           std::int64_t rounds);

/// kept_r = kept_(r-1) - round(rate * kept_(r-1)).
std::vector<std::int64_t> kept_by_rate(std::int64_t total, double rate, std::int64_t rounds);

/// As kept_by_rate, but never below round(total * (1 - sparsity)), which the last round meets exactly.
std::vector<std::int64_t> kept_by_rate_to(std::int64_t total, double rate, std::int64_t rounds, double sparsity);

/// Whole counts next to `quotas` that add up to `total` exactly, each within its bounds: quotas are scaled by one
/// factor (1 if they add up and keep the bounds), cut at the bounds and rounded down, and what is missing goes to those
/// with the largest remainders, of equals to the first. The sums of `least` and `most` enclose `total`.
std::vector<std::int64_t> apportion(std::span<const double> quotas, std::int64_t total,
                                    std::span<const std::int64_t> least, std::span<const std::int64_t> most);

/// The least R with (1 - rate)^R <= 1 - sparsity, at least 1; none if that is beyond `most`.
std::optional<std::int64_t> rounds_to_reach(double sparsity, double rate, std::int64_t most);

}  // namespace espalier
