#pragma once

#include <nlohmann/json_fwd.hpp>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// {"input": {"sizes", "type"}, "parameters": [{"name", "sizes", "role"}], "buffers": [{"name", "sizes", "initial",
/// "type"}], "nodes": [{"op", "name", "inputs", "attributes"}], "blocks": [...], "output"}. Inputs are names of values,
/// null for none; nodes in the order of their computation.
nlohmann::json to_json(const OperatorGraph& graph);
/// The reverse. Everything is checked as if it came from a stranger. Errors: ErrorKind::invalid_input for what is no
/// such graph, and those of GraphBuilder.
OperatorGraph graph_from_json(const nlohmann::json& json);

}  // namespace espalier
