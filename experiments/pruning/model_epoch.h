#pragma once

#include <cstdint>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"

namespace espalier {

// The epochs (case_epoch.h) of cases that depend on the model.

/// Of masks of this model, whatever made them.
std::int64_t masks_epoch(const ModelDescription& model);

/// Of the curves of these scopes at these sparsities.
std::int64_t sensitivity_epoch(const std::vector<PruneScope>& scopes, const std::vector<double>& sparsities);

}  // namespace espalier
