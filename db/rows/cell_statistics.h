#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// One row of the view versus_random (docs/store.md): what the seeds of a configuration share, pruned otherwise than at
/// random, set against the random control of the same cell.
struct CellStatistics {
  std::string sweep;  ///< label
  std::string dataset, model, method, criterion, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain, control;
  double sparsity_target = 0;
  std::optional<double> rate;

  // Means over the cell's seeds.
  double sparsity = 0;
  double params_total = 0, params_kept = 0;
  double madds_dense = 0, madds_effective = 0;  ///< multiply-adds of one example
  std::optional<double> params_shrunk, madds_shrunk, file_bytes;
  std::optional<double> accuracy, loss, test_accuracy_at_best_validation, dense_accuracy;
  std::optional<double> validation_accuracy, validation_loss;
  std::int64_t not_learned = 0;  ///< seeds whose network did not learn
  double train_steps = 0;
  double wall_s = 0;
  std::string trial_key;  ///< of the least seed

  // Paired by seed.
  std::int64_t seeds = 0;  ///< pairs
  std::optional<double> mean_accuracy, random_mean_accuracy;
  std::optional<double> mean_difference_pp, ci95_low_pp, ci95_high_pp;  ///< percentage points
  std::optional<double> p_value;

  std::string variant;
  std::int64_t pruned_at_step = 0;
  std::optional<double> p_holm;
  std::string verdict = "inconclusive";  ///< "better", "worse" or "inconclusive"
};

}  // namespace espalier
