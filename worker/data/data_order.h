#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

/// Which examples each optimizer step sees: a pure function of (seed, phase, step), so that a run that was cut, resumed
/// or moved sees what the uncut one saw. Step s is batch s % steps_per_epoch of epoch s / steps_per_epoch; the last
/// batch of an epoch holds what remains. Phase 0 is the dense run's order, r that of the r-th retraining.
struct DataOrder {
  std::uint64_t seed = 0;
  std::int64_t phase = 0;
  std::int64_t examples = 0;
  std::int64_t batch_size = 0;

  struct Place {
    std::int64_t epoch = 0;
    std::int64_t first = 0;  ///< position in the epoch's order
    std::int64_t count = 0;
  };

  std::int64_t steps_per_epoch() const { return (examples + batch_size - 1) / batch_size; }
  Place place(std::int64_t step) const;
  /// RandomStream(seed, "data_order", phase * 2^32 + epoch): every example once.
  std::vector<std::int64_t> epoch_order(std::int64_t epoch) const;
};

}  // namespace espalier
