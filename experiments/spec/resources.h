#pragma once

#include <compare>
#include <string>

namespace espalier {

/// What a sweep's jobs ask of the rank that runs them: the key `resources`. Where a job runs changes no number, so none
/// of it is in a stage's key.
struct Resources {
  double gpus = 0;       ///< share of the rank's GPU, in [0, 1]: jobs whose shares add up to 1 run on one GPU together
  double memory_gb = 0;  ///< that the rank may fill, at least (10^9 bytes)
  std::string label;     ///< that the pool bears; "" for any pool

  bool asks_nothing() const { return gpus == 0 && memory_gb == 0 && label.empty(); }
  auto operator<=>(const Resources&) const = default;
};

}  // namespace espalier
