#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The same graph with other sizes of its parameters and buffers and other attributes of its nodes. Errors: those of
/// GraphBuilder for what does not fit together.
OperatorGraph rebuilt(const OperatorGraph& graph,
                      const std::function<std::vector<std::int64_t>(ValueIndex tensor)>& sizes,
                      const std::function<Attributes(const Node& node)>& attributes);

/// The same graph in which these layers have a bias, LAYER.bias, where they had none. Errors: as rebuilt().
OperatorGraph with_biases(const OperatorGraph& graph, const std::set<std::string>& layers);

/// The same graph with other names of parameters and buffers. Errors: those of GraphBuilder for a name that is there
/// already.
OperatorGraph renamed(const OperatorGraph& graph, const std::map<std::string, std::string>& names);

/// What of the graph leads to one of its nodes, whose output is this graph's; without blocks. Errors: those of
/// GraphBuilder.
OperatorGraph leading_to(const OperatorGraph& graph, std::size_t node);

}  // namespace espalier
