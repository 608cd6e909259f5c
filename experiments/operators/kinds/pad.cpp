#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Attributes before, after: how many indices of the number `value` are added to each dimension.
class Pad : public Operator {
 public:
  std::string_view name() const override { return "Pad"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const std::int64_t more = node.integers("before").at(i) + node.integers("after").at(i);
      if (more != 0 && dims[i].batch) refuse(node, "adds examples");
      dims[i].size += more;
      if (dims[i].size < 1) refuse(node, "leaves nothing of " + to_string(dims));
    }
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    CoupledDims result = inputs[0];
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (node.integers("before")[i] != 0 || node.integers("after")[i] != 0) block_dim(coupling, result, dims, i, node);
    }
    for (CoupledAxis& axis : result) {
      if (axis.removed != node.number("value")) axis.removed.reset();
    }
    return result;
  }
};

}  // namespace

const Operator& operator_pad() {
  static const Pad kPad;
  return kPad;
}

}  // namespace espalier
