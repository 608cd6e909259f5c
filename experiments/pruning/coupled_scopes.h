#pragma once

#include <string>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// The scopes of granularity channel: outputs of layers that can leave with all that is coupled to them. In the order
/// of their first layers.
std::vector<PruneScope> channel_scopes(const OperatorGraph& graph);
/// Of granularity head: the heads of attentions, with the slices of queries, keys, values and of what reads them.
std::vector<PruneScope> head_scopes(const OperatorGraph& graph);
/// Of granularity layer: the blocks of removable_blocks.h, all in one scope; none if there is no such block.
std::vector<PruneScope> block_scopes(const OperatorGraph& graph);

/// The groups of a convolution, each with several inputs; 1 of other layers, and of a depthwise one, whose groups go
/// with its channels.
std::int64_t groups_that_stay(const OperatorGraph& graph, const Node& node);

/// A layer of which no output, or not every one, could leave.
struct LeftAlone {
  std::string layer;
  std::string reason;  ///< "its outputs are the network's", "ln_f (LayerNorm) needs them all"
};
/// Layers whose outputs neither granularity channel nor head removes, in the graph's order.
std::vector<LeftAlone> left_alone(const OperatorGraph& graph);

}  // namespace espalier
