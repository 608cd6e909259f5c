#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Zhang & Sennrich 2019, arXiv:1910.07467: x / sqrt(mean of x^2 over the last dimension + epsilon), times a scale or
/// none. No index of that dimension can leave: the mean would change.
class RmsNorm : public Operator {
 public:
  std::string_view name() const override { return "RmsNorm"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::layer_norm; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    if (dims.size() < 2) refuse(node, "takes features, but gets " + to_string(dims));
    if (graph.has_input(node, 1) && elements(graph.dims(node, 1)) != dims.back().size)
      refuse_inputs(node, elements(graph.dims(node, 1)), dims.back().size);
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result = inputs[0];
    block_from(coupling, result, graph.dims(node, 0), graph.dims(node, 0).size() - 1, node);
    if (graph.has_input(node, 1)) block_all(coupling, inputs[1], node);
    for (CoupledAxis& axis : result) axis.removed.reset();
    return result;
  }
};

}  // namespace

const Operator& operator_rms_norm() {
  static const RmsNorm kRmsNorm;
  return kRmsNorm;
}

}  // namespace espalier
