#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/dialects/dialects.h"
#include "experiments/expand/gradual_steps.h"
#include "experiments/granularity.h"
#include "experiments/problems.h"
#include "experiments/sweep_spec.h"

namespace espalier {

/// The keys of `prune` as they are for one combination, defaults filled in.
struct PruneSetting {
  CriterionSetting criterion;
  Granularity granularity;
  std::optional<double> sparsity;
  AllocationSetting allocation;
  ScheduleSetting schedule;
  std::string dialect_name;  ///< "" for ours
  std::optional<Dialect> dialect;
  std::optional<BoundSetting> min_kept, max_kept;
};

PruneSetting pick_prune_setting(const PruneKeys& keys, const Combination& combination, const KeyPlace& place);

/// Reports what cannot go together whatever the model, naming both. True if there was nothing.
bool check_prune_setting(const PruneSetting& setting, const PruneKeys& keys, Problems& problems);

/// Of an allocation that one ranking spreads (lamp, global); a table is none.
bool has_one_ranking(const AllocationSetting& allocation);

}  // namespace espalier
