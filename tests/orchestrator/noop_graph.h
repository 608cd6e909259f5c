#pragma once

#include "experiments/graph/stage_graph.h"

namespace espalier {

/// `count` independent stages that do nothing: what the benchmark and the tests of the control plane run.
StageGraph noop_graph(int count);

}  // namespace espalier
