#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// What a copy of a graph has otherwise.
struct GraphChanges {
  std::function<std::vector<std::int64_t>(ValueIndex tensor)> sizes;  ///< of parameters and buffers
  std::function<Attributes(const Node& node)> attributes;
  /// Blocks without their nodes and the tensors that only these read: what they gave is what they were given.
  std::vector<const Block*> skipped = {};
};
/// Errors: those of GraphBuilder for what does not fit together.
OperatorGraph rebuilt(const OperatorGraph& graph, const GraphChanges& changes);

/// The same graph with other names of parameters and buffers. Errors: those of GraphBuilder for a name that is there
/// already.
OperatorGraph renamed(const OperatorGraph& graph, const std::map<std::string, std::string>& names);

}  // namespace espalier
