#pragma once

#include <optional>
#include <string>

#include "experiments/catalog/granularity.h"
#include "experiments/spec/sweep_spec.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// What a configuration gets, or the problem with what was asked for: why it cannot be, and what to do.
template <typename Value>
struct Chosen {
  Value choice = {};
  std::string problem = {};
};

/// How the pruned network is computed, as in TrialConfig::compute: shrunk where whole channels, heads or blocks leave
/// and stay away. `asked`: auto, masked or shrunk.
Chosen<std::string> choose_compute(const std::string& asked, const Granularity& granularity, const TrialConfig& config);

/// What is repaired after a cut; none: nothing. `has_batch_norm`: the network has one.
Chosen<std::optional<RepairRule>> choose_repair(const RepairSetting& asked, const Granularity& granularity,
                                                bool has_batch_norm, const TrialConfig& config);

}  // namespace espalier
