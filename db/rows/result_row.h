#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// One row of the view sweep_results (docs/store.md): a trial of a sweep. One without a result has an outcome of
/// "waiting" or "failed", and nothing of what is measured.
struct ResultRow {
  std::string sweep;  ///< label
  std::string dataset, model;
  std::uint64_t seed = 0;
  std::string method, criterion, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain, control;
  double sparsity_target = 0;  ///< requested fraction of the units removed (weights, filters, ...)
  double sparsity = 0;         ///< fraction of prunable weights removed
  std::int64_t params_total = 0, params_kept = 0;
  std::int64_t madds_dense = 0, madds_effective = 0;  ///< multiply-adds of one example
  std::optional<double> accuracy, loss;               ///< on the test set; none: not a number
  std::optional<double> test_accuracy_at_best_validation, dense_accuracy;
  std::int64_t train_steps = 0;  ///< taken
  double wall_s = 0;
  std::string trial_key, variant;
  double sparsity_total = 0;  ///< fraction removed of all parameters
  std::int64_t pruned_at_step = 0;
  std::optional<double> effective_sparsity;  ///< as sparsity; kept weights on no path from input to output do not count
  std::optional<std::int64_t> dead_units;    ///< outputs of layers that no such path passes
  std::optional<bool> connected;             ///< whether there is such a path
  bool collapsed = false;                    ///< none was left, so that it was not trained any more
  std::int64_t train_steps_planned = 0;
  std::optional<double> rate;  ///< of what is left, removed by each round; none: the schedule was not given so
  std::optional<std::string> later_rounds_score;  ///< as espalier::later_rounds_score; none: not known
  std::optional<double> validation_accuracy,
      validation_loss;              ///< at the end of the last training; none: not trained after
  std::string outcome = "learned";  ///< or "at chance", "untrained", "collapsed", "diverged"; "waiting", "failed"
  std::string dense_outcome;        ///< of the dense network of the same seed; "" if there is none
  std::string evaluation_key;       ///< trials with equal ones are one computation
  // Without the channels, heads and blocks that were removed as a whole; none: not known.
  std::optional<std::int64_t> params_shrunk, madds_shrunk;
  std::optional<std::int64_t> file_bytes;  ///< of a safetensors file of its tensors alone
  /// Of a pass of the smallest batch that was timed; how many times faster than the dense network, with its interval.
  std::optional<double> latency_ms, speedup, speedup_low, speedup_high;

  bool is_dense() const { return method == "dense"; }
  bool has_result() const { return outcome != "waiting" && outcome != "failed"; }
  /// Fraction of the weights that are gone: masked one by one, or, if that is more, with what left as a whole, which
  /// takes along what reads it.
  double weights_gone() const {
    if (!params_shrunk || params_total <= 0) return sparsity;
    return std::max(sparsity, 1 - static_cast<double>(*params_shrunk) / static_cast<double>(params_total));
  }
  /// The same of the multiply-adds.
  double madds_gone() const {
    if (madds_dense <= 0) return 0;
    const std::int64_t left = std::min(madds_effective, madds_shrunk.value_or(madds_effective));
    return 1 - static_cast<double>(left) / static_cast<double>(madds_dense);
  }
};

/// Hands each column's name and value to `visit`, in the order of the view: the one list that readers and writers
/// share.
template <typename Row, typename Visit>
void visit_result_columns(Row& row, Visit&& visit) {
  visit("sweep", row.sweep);
  visit("dataset", row.dataset);
  visit("model", row.model);
  visit("seed", row.seed);
  visit("method", row.method);
  visit("criterion", row.criterion);
  visit("granularity", row.granularity);
  visit("allocation", row.allocation);
  visit("schedule", row.schedule);
  visit("rounds", row.rounds);
  visit("retrain", row.retrain);
  visit("control", row.control);
  visit("sparsity_target", row.sparsity_target);
  visit("sparsity", row.sparsity);
  visit("params_total", row.params_total);
  visit("params_kept", row.params_kept);
  visit("madds_dense", row.madds_dense);
  visit("madds_effective", row.madds_effective);
  visit("accuracy", row.accuracy);
  visit("loss", row.loss);
  visit("test_accuracy_at_best_validation", row.test_accuracy_at_best_validation);
  visit("dense_accuracy", row.dense_accuracy);
  visit("train_steps", row.train_steps);
  visit("wall_s", row.wall_s);
  visit("trial_key", row.trial_key);
  visit("variant", row.variant);
  visit("sparsity_total", row.sparsity_total);
  visit("pruned_at_step", row.pruned_at_step);
  visit("effective_sparsity", row.effective_sparsity);
  visit("dead_units", row.dead_units);
  visit("connected", row.connected);
  visit("collapsed", row.collapsed);
  visit("train_steps_planned", row.train_steps_planned);
  visit("rate", row.rate);
  visit("later_rounds_score", row.later_rounds_score);
  visit("validation_accuracy", row.validation_accuracy);
  visit("validation_loss", row.validation_loss);
  visit("outcome", row.outcome);
  visit("dense_outcome", row.dense_outcome);
  visit("evaluation_key", row.evaluation_key);
  visit("params_shrunk", row.params_shrunk);
  visit("madds_shrunk", row.madds_shrunk);
  visit("file_bytes", row.file_bytes);
  visit("latency_ms", row.latency_ms);
  visit("speedup", row.speedup);
  visit("speedup_low", row.speedup_low);
  visit("speedup_high", row.speedup_high);
}

}  // namespace espalier
