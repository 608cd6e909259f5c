#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The same graph with other sizes of its parameters and buffers and other attributes of its nodes. Errors: those of
/// GraphBuilder for what does not fit together.
OperatorGraph rebuilt(const OperatorGraph& graph,
                      const std::function<std::vector<std::int64_t>(ValueIndex tensor)>& sizes,
                      const std::function<Attributes(const Node& node)>& attributes);

/// The same graph with other names of parameters and buffers. Errors: those of GraphBuilder for a name that is there
/// already.
OperatorGraph renamed(const OperatorGraph& graph, const std::map<std::string, std::string>& names);

}  // namespace espalier
