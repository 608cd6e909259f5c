#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// One row of the view layer_density (docs/store.md): a layer of a pruned trial.
struct LayerDensityRow {
  std::string sweep, dataset, model, variant;
  std::uint64_t seed = 0;
  std::string method, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain, control;
  double sparsity_target = 0;
  std::int64_t position = 0;  ///< in the model, from 0
  std::string layer;
  std::int64_t total = 0, kept = 0;
  std::optional<std::int64_t> effective;  ///< kept weights on a path from input to output
  std::optional<std::int64_t> dead_units;
  std::string trial_key;
  std::int64_t pruned_at_step = 0;
  std::optional<double> rate;
};

/// One row of the view sensitivity: a point of a scope's curve.
struct SensitivityRow {
  std::string sweep, dataset, model;
  std::uint64_t seed = 0;
  std::string criterion, granularity;
  std::int64_t position = 0;
  std::string scope;
  double sparsity = 0;  ///< fraction of the scope's units to remove; 0: nothing removed
  std::int64_t units = 0, kept = 0;
  std::optional<double> loss, loss_increase;  ///< nats
  std::string stage_key;
};

}  // namespace espalier
