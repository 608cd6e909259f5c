#pragma once

#include <unordered_map>
#include <vector>

#include "experiments/graph/stage_graph.h"

namespace espalier {

/// Adds a sweep's graph to one that holds those of others: equal stages (by key) become one. Pure.
/// `index_of` holds the stages of `into` by key, and is kept up to date. Returns, for each stage of `from`, where it is
/// now; its trials come after those that were there, with the same translation.
/// A stage that both have keeps its cuts, labels and resources; it keeps its resume state if either wants it.
std::vector<StageIndex> merge_graphs(StageGraph& into, std::unordered_map<StageKey, StageIndex>& index_of,
                                     StageGraph from);

}  // namespace espalier
