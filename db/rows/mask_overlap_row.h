#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// One of the two trials of a pair.
struct MaskOverlapSide {
  std::string method, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string control;
  std::uint64_t seed = 0;
  std::string trial;      ///< key
  std::int64_t kept = 0;  ///< prunable weights
  std::optional<double> rate = {};
};

/// One row of the view mask_overlap (docs/store.md): how alike the masks of two trials are.
struct MaskOverlapRow {
  std::string sweep;    ///< label
  std::string pairing;  ///< "method": two configurations with one seed; "seed": two seeds of one configuration
  std::string dataset, model, variant;
  std::int64_t pruned_at_step = 0;
  double sparsity_target = 0;
  MaskOverlapSide a, b;
  std::int64_t kept_both = 0;
  std::optional<double> jaccard;    ///< none where neither keeps anything
  std::optional<double> chance;     ///< likewise
  std::optional<double> corrected;  ///< none also where chance is 1
};

/// A pruned trial with existing masks.
struct TrialMasksRow {
  std::string trial;  ///< key
  std::uint64_t seed = 0;
  std::string method, criterion, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain, control, dataset, model, variant;
  std::int64_t pruned_at_step = 0;
  double sparsity_target = 0;
  std::optional<double> rate;
  std::string masks_key;  ///< of the stage that left them
};

}  // namespace espalier
