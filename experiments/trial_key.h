#pragma once

#include <cstdint>

#include "experiments/trial.h"

namespace espalier {

/// SHA-256 of the canonical JSON of a configuration: what is computed (specs, recipes, exact counts) and how the
/// results name it (method, retrain, control, variant). Paths and the dataset's display name are not in it.
Digest digest_config(const TrialConfig& config);

/// SHA-256 of {"config":"<hex of digest_config>","seed":<seed>}, so that the seeds of a configuration share the long
/// part.
StageKey make_trial_key(const Digest& config, std::uint64_t seed);

}  // namespace espalier
