#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "experiments/models/model_description.h"

namespace espalier {

/// A model's operators with their shapes, parameters and multiply-adds, the units that could leave, and what is left
/// alone: {"nodes": [{"name", "op", "inputs", "shape", "parameters", "madds", "products"}], "units": [{"granularity",
/// "name", "units", "layers"}], "left_alone": [{"layer", "reason"}]}. `model` has a graph.
nlohmann::json graph_facts(const ModelDescription& model);
/// The same, as tables.
std::string graph_table(const nlohmann::json& facts);
/// For Graphviz: operators, and what flows between them.
std::string graph_as_dot(const OperatorGraph& graph);

}  // namespace espalier
