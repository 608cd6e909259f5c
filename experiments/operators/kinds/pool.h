#pragma once

#include <optional>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {

/// A window over the dimensions after the channels. Attributes kernel, strides, padding: one number a dimension;
/// round_up: 1 where a last window may end beyond the input.
class Pool : public Operator {
 public:
  Inferred infer(const OperatorGraph& graph, const Node& node) const override;
  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override;

 protected:
  /// Of a window over dimension `place` after the channels.
  virtual std::int64_t dilation(const Node& /*node*/, std::size_t /*place*/) const { return 1; }
  /// What it makes of a channel that is one number everywhere.
  virtual std::optional<double> of_constant(const Node& node, double constant) const = 0;
};

}  // namespace espalier
