#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace espalier {

/// total * share in whole numbers, halves up, as the share is written in decimals: 30 * (1 - 0.55) is 13.5 and so 14,
/// though 1 - 0.55 is below 0.45 in binary. `share` is in [0, 1], and may be one minus such a number.
inline std::int64_t rounded_share(std::int64_t total, double share) {
  constexpr double kOfShare = 4 * std::numeric_limits<double>::epsilon();
  const auto count = static_cast<double>(total);
  return static_cast<std::int64_t>(std::floor(count * share + 0.5 + count * kOfShare));
}

}  // namespace espalier
