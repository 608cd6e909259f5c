#pragma once

#include "experiments/operators/kinds/kinds.h"

namespace espalier {

/// Leaves the channels and makes of the dimensions after them the attribute `sizes`, one number each. A channel that is
/// one number everywhere stays it.
class SizedImage : public Operator {
 public:
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }
  Inferred infer(const OperatorGraph& graph, const Node& node) const override;
  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override;
};

}  // namespace espalier
