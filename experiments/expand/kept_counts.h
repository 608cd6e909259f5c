#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace espalier {

// How many of `total` weights are left after each round. Sparsity and rate are fractions removed.

/// The density after round r of R on the way to `sparsity`:
///   one_shot, iterative  (1 - s)^(r / R)                    Frankle & Carbin 2019, arXiv:1803.03635
///   linear               1 - s r / R                        Gale et al. 2019, arXiv:1902.09574
///   cubic                1 - s (1 - (1 - r / R)^3)          Zhu & Gupta 2017, arXiv:1710.01878, eq. (1) with s_0 = 0
double density_after(std::string_view schedule, double sparsity, std::int64_t round, std::int64_t rounds);

/// round(total * density_after(r)) for r = 1 .. rounds; the last is round(total * (1 - sparsity)).
std::vector<std::int64_t> kept_by_schedule(std::int64_t total, std::string_view schedule, double sparsity,
                                           std::int64_t rounds);

/// kept_r = kept_(r-1) - round(rate * kept_(r-1)).
std::vector<std::int64_t> kept_by_rate(std::int64_t total, double rate, std::int64_t rounds);

/// As kept_by_rate, but never below round(total * (1 - sparsity)), which the last round meets exactly.
std::vector<std::int64_t> kept_by_rate_to(std::int64_t total, double rate, std::int64_t rounds, double sparsity);

/// The least R with (1 - rate)^R <= 1 - sparsity, at least 1; none if that is beyond `most`.
std::optional<std::int64_t> rounds_to_reach(double sparsity, double rate, std::int64_t most);

}  // namespace espalier
