#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Cross-correlation over one to three dimensions after the channels; W [out, in / groups, kernel...], b [out] or none.
/// Attributes strides, padding (both sides alike), dilations: one number a dimension; groups.
class Conv : public Operator {
 public:
  std::string_view name() const override { return "Conv"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::layer; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    const Dims& weight = graph.dims(node, 1);
    const std::int64_t groups = node.integer("groups");
    if (weight.size() < 3 || weight.size() > 5) refuse(node, "has a kernel of " + to_string(weight));
    need_image(node, dims, weight.size() - 2);
    if (groups < 1 || weight[1].size * groups != dims[1].size)
      refuse_inputs(node, weight[1].size * groups, dims[1].size);
    if (weight[0].size % groups != 0) refuse(node, "cannot share its outputs among its groups");
    dims[1].size = weight[0].size;
    for (std::size_t i = 2; i < dims.size(); ++i) {
      dims[i].size = window_places(node, dims[i].size,
                                   {weight[i].size, node.integers("strides").at(i - 2),
                                    node.integers("padding").at(i - 2), node.integers("dilations").at(i - 2)});
    }
    return {dims};
  }

  Madds madds(const OperatorGraph& graph, const Node& node) const override {
    const Dims& weight = graph.dims(node, 1);
    return {elements(graph.value(node.output).dims) * (elements(weight) / weight[0].size), 0};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    const Dims& weight_dims = graph.dims(node, 1);
    CoupledDims input = inputs[0], weight = inputs[1];
    block_from(coupling, input, dims, 2, node);
    block_from(coupling, weight, weight_dims, 2, node);
    const CoupledAxis* in = alone(coupling, input, dims, 1);
    const CoupledAxis* out = alone(coupling, weight, weight_dims, 0);
    if (node.integer("groups") == 1) {
      couple_products(coupling, node, in, alone(coupling, weight, weight_dims, 1));
    } else {
      couple_groups(coupling, graph, node, in, out);
      block_dim(coupling, weight, weight_dims, 1, node);
    }
    if (out == nullptr) return {};
    if (graph.has_input(node, 2)) {
      CoupledDims bias = inputs[2];
      couple_products(coupling, node, out, alone(coupling, bias, graph.dims(node, 2), 0));
    }
    return {{{1}, out->atoms, 0.0}};
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    if (graph.dims(node, 0)[1].size == node.integer("groups")) attributes["groups"] = kept.count(node.inputs[0], 1);
    return attributes;
  }

 private:
  /// A channel of a depthwise convolution goes with its filters. Of other groups, as many inputs and as many outputs
  /// must stay in each.
  static void couple_groups(Coupling& coupling, const OperatorGraph& graph, const Node& node, const CoupledAxis* in,
                            const CoupledAxis* out) {
    const std::int64_t groups = node.integer("groups");
    const std::int64_t channels = graph.dims(node, 0)[1].size;
    if (channels == groups) {
      if (in == nullptr || out == nullptr) {
        couple_products(coupling, node, in, out);
        return;
      }
      const std::size_t filters = out->atoms.size() / in->atoms.size();
      for (std::size_t i = 0; i < out->atoms.size(); ++i) coupling.unite(out->atoms[i], in->atoms[i / filters]);
      return;
    }
    if (in != nullptr) {
      coupling.read_by_group(node.inputs[1], groups, in->atoms);
      coupling.balance(in->atoms, groups);
    }
    if (out != nullptr) coupling.balance(out->atoms, groups);
  }
};

}  // namespace

const Operator& operator_conv() {
  static const Conv kConv;
  return kConv;
}

}  // namespace espalier
