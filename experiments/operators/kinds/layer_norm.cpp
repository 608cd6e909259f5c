#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Ba, Kiros & Hinton 2016, arXiv:1607.06450, over as many of the last dimensions as the attribute dims says; scale and
/// shift of their sizes, or none. Attribute epsilon. No index of these dimensions can leave: the statistics would
/// change.
class LayerNorm : public Operator {
 public:
  std::string_view name() const override { return "LayerNorm"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::layer_norm; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    const auto count = static_cast<std::size_t>(node.integer("dims"));
    if (count < 1 || count >= dims.size())
      refuse(node, "is over " + std::to_string(count) + " dimensions of " + to_string(dims));
    for (std::size_t i = 1; i < 3; ++i) {
      if (!graph.has_input(node, i)) continue;
      const Dims& tensor = graph.dims(node, i);
      const Dims last(dims.end() - static_cast<std::ptrdiff_t>(count), dims.end());
      if (tensor != last) refuse_inputs(node, elements(tensor), elements(last));
    }
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    CoupledDims result = inputs[0];
    block_from(coupling, result, dims, dims.size() - static_cast<std::size_t>(node.integer("dims")), node);
    for (std::size_t i = 1; i < inputs.size(); ++i) block_all(coupling, inputs[i], node);
    for (CoupledAxis& axis : result) axis.removed.reset();
    return result;
  }
};

}  // namespace

const Operator& operator_layer_norm() {
  static const LayerNorm kLayerNorm;
  return kLayerNorm;
}

}  // namespace espalier
