#pragma once

#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"
#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// How each scope is built, in words that are equal for scopes of equal structure: its members in the graph's order,
/// each with the operator that it belongs to, the rank of its weight, whether a convolution is in groups or depthwise,
/// the dimension that is cut, and whether the units are made or read there. No sizes: "Conv4 outputs 0, Conv4 inputs
/// 1". Paper: Fang et al. 2024, arXiv:2407.04616, section 3.3, there of graphs of sub-structures.
std::vector<std::string> structures_of(const OperatorGraph& graph, const std::vector<PruneScope>& scopes);

}  // namespace espalier
