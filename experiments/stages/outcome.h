#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "experiments/stages/loss_cause.h"
#include "experiments/stages/stage.h"

namespace espalier {

/// One point of a curve. Names in use: "train_loss" (mean over the steps since the last point), "validation_loss",
/// "validation_accuracy", "test_accuracy" (only where the validation loss was the least so far), "lr"; once, in the end,
/// "shrunk_difference" of a training (the largest of an output from the masked network's, as a part of the largest), and
/// "refit_error" of a repair (what is left of the squared differences that the cut made). `step` counts optimizer steps
/// on the trajectory's own axis. NaN is data.
struct MetricPoint {
  std::int64_t step = 0;
  std::string name;
  double value = 0;
};

/// Most evaluations of one training: more would not fit into a message. A recipe with more is refused.
inline constexpr std::size_t kMostMetricPoints = 100'000;

/// What a prune (or shuffle) left of a layer.
struct LayerCount {
  std::string layer;
  std::int64_t total = 0;
  std::int64_t requested =
      -1;  ///< weights to keep; -1 where the ranking was global and no layer had a count of its own
  std::int64_t kept = 0;
  std::int64_t effective = -1;   ///< kept weights on a path from input to output; -1 if not computed
  std::int64_t dead_units = -1;  ///< outputs of the layer that no such path passes; -1 likewise
};

/// What a prune or shuffle left of the network as a whole (worker/pruning/connectivity.h).
struct Connectivity {
  bool connected = true;            ///< a path of kept weights leads from an input to an output; otherwise it collapsed
  std::int64_t dead_units = 0;      ///< outputs of prunable layers that no such path passes
  std::int64_t effective_kept = 0;  ///< prunable weights on such a path: what is kept and counts
  bool operator==(const Connectivity&) const = default;
};

/// What a network would be without the channels, heads and blocks that masks remove as a whole
/// (experiments/pruning/network_size.h).
struct NetworkSize {
  std::int64_t parameters = 0;  ///< biases, scales and shifts too
  std::int64_t madds = 0;       ///< of one example, through layers of these widths
  std::int64_t file_bytes = 0;  ///< of a safetensors file of its tensors alone
  bool operator==(const NetworkSize&) const = default;
};

/// One point of a layer's sensitivity: the loss with this scope alone pruned, all else as it was.
struct SensitivityPoint {
  std::string scope;       ///< of prune_scopes()
  double sparsity = 0;     ///< requested fraction of its units removed; 0 for the curve's beginning, nothing removed
  std::int64_t units = 0;  ///< that the scope has
  std::int64_t kept = 0;
  double loss = 0;  ///< mean cross-entropy over the stage's batches, nats. NaN is data
  bool operator==(const SensitivityPoint&) const = default;
};

/// One number of an evaluation, as its task defines it (worker/task/task.h).
struct EvaluationMetric {
  std::string name;
  double at = 0;     ///< the point that it is of: the class of kClassAccuracy; 0 where there is one alone
  double value = 0;  ///< NaN is data
  bool operator==(const EvaluationMetric&) const = default;
};
inline constexpr const char* kLoss = "loss";                     ///< mean over the examples; of classification in nats
inline constexpr const char* kAccuracy = "accuracy";             ///< in [0, 1]; NaN where logits are not finite numbers
inline constexpr const char* kClassAccuracy = "class_accuracy";  ///< likewise; NaN for a class without examples

/// On the test set, which chose nothing.
struct Evaluation {
  std::vector<EvaluationMetric> metrics;  ///< each name and point once

  /// Of a classification: accuracy, loss and the accuracy of each class.
  static Evaluation of_classes(double accuracy, double loss, const std::vector<double>& by_class);
  /// NaN where there is none.
  double value(std::string_view name, double at = 0) const;
  double accuracy() const { return value(kAccuracy); }
  double loss() const { return value(kLoss); }
  std::vector<double> class_accuracies() const;
};

/// The times of one network in a LatencyMeasurement.
struct NetworkTimes {
  std::string network;             ///< kDenseNetwork, kPrunedNetwork or kTwinNetwork
  std::vector<double> samples_ms;  ///< of a forward pass, by turn; as many for each network
  std::int64_t peak_bytes = 0;     ///< of tensors during a pass, parameters and buffers in them
  double median_ms = 0, p10_ms = 0, p90_ms = 0;
  /// Times faster than the dense network: the median over the turns, and its 95 % bootstrap interval. 1 of that itself.
  double speedup = 1, speedup_low = 1, speedup_high = 1;
  bool operator==(const NetworkTimes&) const = default;
};
inline constexpr const char* kDenseNetwork = "dense";
inline constexpr const char* kPrunedNetwork = "pruned";  ///< without what was removed as a whole
inline constexpr const char* kTwinNetwork = "twin";      ///< of the pruned one's shape, with random weights

/// Times at one batch size, measured in turn in one process. Not part of what makes outcomes equal.
struct LatencyMeasurement {
  std::int64_t batch_size = 0;
  std::vector<NetworkTimes> networks;
  bool settled = false;   ///< the interval became as narrow as it should before the time limit
  double busy_cores = 0;  ///< cores that other processes kept busy meanwhile, on average
  bool operator==(const LatencyMeasurement&) const = default;
};
/// Of a machine on which a measurement counts as disturbed.
inline constexpr double kBusyCores = 0.25;

struct Failure {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  LossCause cause = LossCause::error;
  std::vector<StageKey> damaged = {};  ///< inputs whose artifacts are missing or were set aside as damaged
};

struct StageOutcome {
  StageKey key;
  std::uint64_t attempt = 0;
  std::optional<Failure> failure;  ///< none: it is done
  double wall_s = 0;               ///< seconds of work, of all attempts that led to it (an interrupted one's are added)
  std::int64_t first_step = 0;     ///< train: where this attempt took up the work (a checkpoint, a cut, or the start)
  std::int64_t steps = 0;          ///< train: optimizer steps on this trajectory from its start_step
  std::string artifact_sha256;     ///< hex; "" if the stage leaves none
  std::int64_t artifact_bytes = 0;
  bool diverged = false;             ///< train: the loss became NaN or infinite; a result, not a failure
  std::vector<MetricPoint> metrics;  ///< train
  std::optional<double>
      best_validation_loss;  ///< train: the least seen since the trajectory's start, on the grid or at the end
  std::optional<double> test_accuracy_at_best_validation;  ///< train: test accuracy there
  std::optional<Evaluation> evaluation;                    ///< evaluate
  std::vector<LayerCount> layers;                          ///< prune, shuffle
  std::optional<Connectivity> connectivity;  ///< prune, shuffle; none for a network whose operations are not known
  std::optional<NetworkSize> shrunk_size;    ///< the same
  bool collapsed = false;  ///< train: the masks leave no path, so no step was taken; a result, not a failure
  std::vector<SensitivityPoint> sensitivity;  ///< sensitivity: by scope, then sparsity, rising
  std::vector<LatencyMeasurement> latencies;  ///< latency: by batch size, as asked
  std::vector<std::string> warnings;          ///< for people: what was done, but probably not intended
};

}  // namespace espalier
