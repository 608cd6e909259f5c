#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/rows/latency_row.h"

namespace espalier {

/// The seeds of one configuration, timed at one batch size on one machine. Of what each seed has a number, medians over
/// them; of the speed-up's interval the lowest and the highest bound, since each seed's network has its own.
struct LatencyCell {
  const LatencyRow* first = nullptr;  ///< of the least seed: for the configuration
  std::int64_t seeds = 0;
  std::optional<double> mean_accuracy;  ///< in [0, 1]; none if a seed has no result
  double latency_ms = 0, p10_ms = 0, p90_ms = 0, dense_ms = 0, examples_per_s = 0;
  double speedup = 1, speedup_low = 1, speedup_high = 1;
  std::optional<double> twin_speedup;
  double peak_bytes = 0, dense_peak_bytes = 0;
  bool disturbed = false;    ///< of some seed
  bool settled = true;       ///< of all seeds
  bool on_frontier = false;  ///< no other of the block is as accurate and faster, or more accurate and as fast
};

/// What may be compared: one sweep, dataset, model, variant, machine, device, number of threads and batch size.
struct LatencyBlock {
  std::vector<LatencyCell> cells;  ///< the fastest first
  double dense_ms() const;         ///< median over the cells
};

/// Pure; points into the rows, which must outlive it.
std::vector<LatencyBlock> latency_blocks(const std::vector<LatencyRow>& rows);

}  // namespace espalier
