#pragma once

#include <vector>

#include "experiments/operators/coupling.h"
#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Which indices of which values of a graph leave together.
struct CoupledGraph {
  Coupling coupling;
  std::vector<CoupledDims> values;  ///< by ValueIndex
};

/// Every index of every dimension of a parameter or buffer can leave, unless an operator says otherwise; those of the
/// output cannot. `graph` outlives the result.
CoupledGraph couple(const OperatorGraph& graph);

}  // namespace espalier
