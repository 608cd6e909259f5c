#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/catalog/granularity.h"
#include "experiments/diagnostics/problems.h"
#include "experiments/expand/gradual_steps.h"
#include "experiments/pruning/dialects/dialects.h"
#include "experiments/pruning/prune_scopes.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// The keys of `prune` as they are for one combination, defaults filled in.
struct PruneSetting {
  CriterionSetting criterion;
  Granularity granularity;
  bool own_reduction = true;  ///< whether the sweep names its reduction
  std::optional<double> sparsity;
  AllocationSetting allocation;
  ScheduleSetting schedule;
  std::string dialect_name;  ///< "" for ours
  std::optional<Dialect> dialect;
  std::optional<BoundSetting> min_kept, max_kept;
  std::optional<RatioSetting> ratios;
  std::int64_t align = 1;
};

PruneSetting pick_prune_setting(const PruneKeys& keys, const Combination& combination, const KeyPlace& place);

/// Reports what cannot go together whatever the model, naming both. True if there was nothing.
bool check_prune_setting(const PruneSetting& setting, const PruneKeys& keys, Problems& problems);

/// Whether scores as they are, of all layers, are ranked together; not where the allocation or a dialect makes them
/// comparable.
bool ranks_layers_together(const PruneSetting& setting);

/// The granularity with the reduction that is meant. Where the sweep names none, it is the criterion's (catalog) if
/// units of several sizes are compared: under one ranking, or where a unit is of several layers. Units of one layer
/// among themselves rank alike by either, and keep l2, the reduction that earlier results have in their keys.
Granularity with_reduction(const PruneSetting& setting, const std::vector<PruneScope>& scopes);

/// Whether only the total of a round is known before scores or curves are.
bool knows_total_only(const AllocationSetting& allocation);

/// Of one ranking over all layers, of scores that nothing makes comparable.
bool ranks_scores_as_they_are(const AllocationSetting& allocation);

}  // namespace espalier
