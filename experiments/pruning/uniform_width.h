#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/pruning/removed_units.h"

namespace espalier {

/// What of a model is made narrow beside one that is pruned by a granularity: its channels or its heads, and both where
/// whole blocks go. Without scopes that have a layer of `protect`. Errors: ErrorKind::invalid_input where there are
/// none.
std::vector<PruneScope> narrow_scopes(const ModelDescription& model, const Granularity& granularity,
                                      const std::vector<std::string>& protect);

/// What leaves so that every scope keeps the same share of its units, and the multiply-adds of one example are as near
/// to `madds` as whole units lead; of two as near, the fewer. A count is the share of the units, halves up, and with
/// `align` the nearest that aligned_counts.h allows; every scope keeps one unit at least. The last units of a scope
/// leave. The model has a graph. Only scopes that lose something, in their
/// order.
std::vector<RemovedUnits> narrowed_evenly(const ModelDescription& model, const std::vector<PruneScope>& scopes,
                                          std::int64_t align, std::int64_t madds);

/// Multiply-adds of one example of the model without the units.
std::int64_t madds_without(const ModelDescription& model, const std::vector<RemovedUnits>& units);

}  // namespace espalier
