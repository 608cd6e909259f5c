#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// y = x W^T + b over the last dimension; W [out, in], b [out] or none.
class Linear : public Operator {
 public:
  std::string_view name() const override { return "Linear"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::layer; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    const Dims& weight = graph.dims(node, 1);
    if (weight.size() != 2 || dims.empty() || dims.back().batch) refuse(node, "is no linear layer");
    if (dims.back().size != weight[1].size) refuse_inputs(node, weight[1].size, dims.back().size);
    dims.back().size = weight[0].size;
    return {dims};
  }

  Madds madds(const OperatorGraph& graph, const Node& node) const override {
    const Dims& weight = graph.dims(node, 1);
    return {elements(graph.value(node.output).dims) * weight[1].size, 0};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    const Dims& weight_dims = graph.dims(node, 1);
    CoupledDims result = inputs[0];
    CoupledDims weight = inputs[1];
    couple_products(coupling, node, alone(coupling, result, dims, dims.size() - 1),
                    alone(coupling, weight, weight_dims, 1));
    std::erase_if(result, [&](const CoupledAxis& axis) { return axis.dims[0] == dims.size() - 1; });
    for (CoupledAxis& axis : result) axis.removed.reset();  // the bias is added to what was zero
    if (const CoupledAxis* outputs = alone(coupling, weight, weight_dims, 0)) {
      result.push_back({{dims.size() - 1}, outputs->atoms, 0.0});
      if (graph.has_input(node, 2)) {
        CoupledDims bias = inputs[2];
        couple_products(coupling, node, &result.back(), alone(coupling, bias, graph.dims(node, 2), 0));
      }
    }
    return result;
  }
};

}  // namespace

const Operator& operator_linear() {
  static const Linear kLinear;
  return kLinear;
}

}  // namespace espalier
