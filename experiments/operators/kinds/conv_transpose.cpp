#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// The transposed convolution; W [in, out / groups, kernel...], b [out] or none. Attributes as of Conv, and
/// output_padding.
class ConvTranspose : public Operator {
 public:
  std::string_view name() const override { return "ConvTranspose"; }
  bool has(OperatorTrait trait) const override {
    return trait == OperatorTrait::layer || trait == OperatorTrait::transposed;
  }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    const Dims& weight = graph.dims(node, 1);
    const std::int64_t groups = node.integer("groups");
    if (weight.size() < 3 || weight.size() > 5) refuse(node, "has a kernel of " + to_string(weight));
    need_image(node, dims, weight.size() - 2);
    if (weight[0].size != dims[1].size) refuse_inputs(node, weight[0].size, dims[1].size);
    if (groups < 1 || dims[1].size % groups != 0) refuse(node, "cannot share its inputs among its groups");
    dims[1].size = weight[1].size * groups;
    for (std::size_t i = 2; i < dims.size(); ++i) {
      dims[i].size = (dims[i].size - 1) * node.integers("strides").at(i - 2) - 2 * node.integers("padding").at(i - 2) +
                     node.integers("dilations").at(i - 2) * (weight[i].size - 1) +
                     node.integers("output_padding").at(i - 2) + 1;
      if (dims[i].size < 1) refuse(node, "leaves no pixel");
    }
    return {dims};
  }

  Madds madds(const OperatorGraph& graph, const Node& node) const override {
    const Dims& weight = graph.dims(node, 1);
    return {elements(graph.dims(node, 0)) * (elements(weight) / weight[0].size), 0};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    const Dims& weight_dims = graph.dims(node, 1);
    CoupledDims input = inputs[0], weight = inputs[1];
    block_from(coupling, input, dims, 2, node);
    block_from(coupling, weight, weight_dims, 2, node);
    const CoupledAxis* in = alone(coupling, input, dims, 1);
    couple_products(coupling, node, in, alone(coupling, weight, weight_dims, 0));
    const std::int64_t groups = node.integer("groups");
    if (groups > 1 && (groups != dims[1].size || weight_dims[1].size != 1)) {
      if (in != nullptr) coupling.block(in->atoms, node);
      block_all(coupling, weight, node);
      if (graph.has_input(node, 2)) block_all(coupling, inputs[2], node);
      return {};
    }
    const CoupledAxis* out = groups > 1 ? in : alone(coupling, weight, weight_dims, 1);
    CoupledDims bias = graph.has_input(node, 2) ? inputs[2] : CoupledDims();
    if (graph.has_input(node, 2)) couple_products(coupling, node, out, alone(coupling, bias, graph.dims(node, 2), 0));
    if (out == nullptr) return {};
    return {{{1}, out->atoms, 0.0}};
  }

  Attributes narrowed(const OperatorGraph&, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    if (node.integer("groups") > 1) attributes["groups"] = kept.count(node.inputs[0], 1);
    return attributes;
  }
};

}  // namespace

const Operator& operator_conv_transpose() {
  static const ConvTranspose kConvTranspose;
  return kConvTranspose;
}

}  // namespace espalier
