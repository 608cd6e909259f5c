#pragma once

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The same without nodes, parameters and buffers that the output does not depend on. Each parameter has the role of
/// its use: weight, bias, scale or embedding where all nodes that read it read it so, and else other. For importers:
/// blocks are not kept.
OperatorGraph tidied(const OperatorGraph& graph);

}  // namespace espalier
