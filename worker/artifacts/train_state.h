#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/stages/outcome.h"

namespace espalier {

/// What a trajectory knows besides its tensors: with them, enough to go on as if it had never stopped.
struct TrainState {
  std::int64_t step = 0;  ///< optimizer steps done, on the trajectory's own axis
  bool diverged = false;  ///< the loss of the step about to be taken was NaN or infinite
  double loss_sum = 0;    ///< of the steps since the last evaluation point
  std::int64_t loss_count = 0;
  std::optional<double> best_validation_loss;
  std::optional<double> test_accuracy_at_best_validation;  ///< test accuracy there
  std::vector<MetricPoint> metrics;
  double wall_s = 0;  ///< of this stage's attempts so far
};

/// Exact for every double, NaN and infinities included.
std::string to_json(const TrainState& state);
/// Errors: ErrorKind::corrupt.
TrainState parse_train_state(std::string_view json);

}  // namespace espalier
