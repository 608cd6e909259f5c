#pragma once

#include "experiments/operators/kinds/kinds.h"

namespace espalier {

/// One number of all along the dimensions of attribute `dims`, ascending; keep_dims: 1 where they stay, with one index.
/// No index of these dimensions can leave: the number would change.
class Reduction : public Operator {
 public:
  Inferred infer(const OperatorGraph& graph, const Node& node) const override;
  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override;
};

}  // namespace espalier
