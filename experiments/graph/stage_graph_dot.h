#pragma once

#include <string>
#include <vector>

#include "experiments/graph/stage_graph.h"

namespace espalier {

/// The graph of stages as Graphviz text: one node a stage (done ones filled), one edge an input; dashed where a
/// training resumes from an earlier state of its trajectory. `done` is parallel to graph.stages.
std::string stage_graph_as_dot(const StageGraph& graph, const std::vector<bool>& done);

}  // namespace espalier
