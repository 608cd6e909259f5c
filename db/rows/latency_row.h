#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// One row of the view latency (docs/store.md): a pruned trial of a sweep, timed at one batch size.
struct LatencyRow {
  std::string sweep, dataset, model, variant;
  std::uint64_t seed = 0;
  std::string method, criterion, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::optional<double> rate;
  std::string retrain, control;
  double sparsity_target = 0;
  std::int64_t pruned_at_step = 0;
  std::string trial_key;
  std::optional<double> accuracy;  ///< test, in [0, 1]
  std::int64_t batch_size = 0, threads = 0;
  double latency_ms = 0, p10_ms = 0, p90_ms = 0;  ///< of a pass of the pruned network: median, percentiles
  double examples_per_s = 0, dense_ms = 0;
  double speedup = 1, speedup_low = 1, speedup_high = 1;    ///< over the dense network, with its 95 % interval
  std::optional<double> twin_speedup, twin_low, twin_high;  ///< of the pruned shape with random weights
  std::int64_t peak_bytes = 0, dense_peak_bytes = 0;
  bool settled = false;    ///< the interval became narrower than 2 % before the time limit
  double busy_cores = 0;   ///< that other programs used meanwhile
  bool disturbed = false;  ///< more than kBusyCores
  std::string host, cpu, device;
  std::int64_t environment = 0;  ///< times of two are never compared
  std::string stage_key;
};

/// Hands each column's name and value to `visit`, in the order of the view.
template <typename Row, typename Visit>
void visit_latency_columns(Row& row, Visit&& visit) {
  visit("sweep", row.sweep);
  visit("dataset", row.dataset);
  visit("model", row.model);
  visit("variant", row.variant);
  visit("seed", row.seed);
  visit("method", row.method);
  visit("criterion", row.criterion);
  visit("granularity", row.granularity);
  visit("allocation", row.allocation);
  visit("schedule", row.schedule);
  visit("rounds", row.rounds);
  visit("rate", row.rate);
  visit("retrain", row.retrain);
  visit("control", row.control);
  visit("sparsity_target", row.sparsity_target);
  visit("pruned_at_step", row.pruned_at_step);
  visit("trial_key", row.trial_key);
  visit("accuracy", row.accuracy);
  visit("batch_size", row.batch_size);
  visit("threads", row.threads);
  visit("latency_ms", row.latency_ms);
  visit("p10_ms", row.p10_ms);
  visit("p90_ms", row.p90_ms);
  visit("examples_per_s", row.examples_per_s);
  visit("dense_ms", row.dense_ms);
  visit("speedup", row.speedup);
  visit("speedup_low", row.speedup_low);
  visit("speedup_high", row.speedup_high);
  visit("twin_speedup", row.twin_speedup);
  visit("twin_low", row.twin_low);
  visit("twin_high", row.twin_high);
  visit("peak_bytes", row.peak_bytes);
  visit("dense_peak_bytes", row.dense_peak_bytes);
  visit("settled", row.settled);
  visit("busy_cores", row.busy_cores);
  visit("disturbed", row.disturbed);
  visit("host", row.host);
  visit("cpu", row.cpu);
  visit("device", row.device);
  visit("environment", row.environment);
  visit("stage_key", row.stage_key);
}

}  // namespace espalier
