#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Nodes that give what they are given once their layers and batch norms are zero, so that they can leave as a whole:
/// a residual block, a layer of a transformer.
struct RemovableBlock {
  std::string name;
  std::vector<std::size_t> nodes;  ///< ascending places in the graph
  ValueIndex input = kNoValue, output = kNoValue;
};

/// In the order of their outputs. A graph that marks its blocks has those of them; in another they are found: the sum
/// of a value and of what is computed of this value alone and read by the sum alone, innermost ones first, without what
/// others share. The branch of an attention and the branch after it are one block, a transformer's layer. A block is
/// called what the names of its layers have in common ("layer1.0"), or else as its first layer.
std::vector<RemovableBlock> removable_blocks(const OperatorGraph& graph);

/// The graph without some of its blocks: what reads their outputs reads their inputs. Parameters and buffers of the
/// blocks are not in it.
OperatorGraph without_blocks(const OperatorGraph& graph, const std::vector<RemovableBlock>& blocks);

}  // namespace espalier
