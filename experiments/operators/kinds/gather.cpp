#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// The attribute `indices` along `dim`, in their order: rolls, shuffles of channels, tables of positions.
class Gather : public Operator {
 public:
  std::string_view name() const override { return "Gather"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    Dim& along = dims[dim_at(node, dims, node.integer("dim"))];
    const auto& indices = node.integers("indices");
    if (along.batch) refuse(node, "takes some of the examples");
    for (const std::int64_t index : indices) {
      if (index < 0 || index >= along.size)
        refuse(node, "takes index " + std::to_string(index) + " of " + to_string(dims));
    }
    along.size = static_cast<std::int64_t>(indices.size());
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    return select_indices(coupling, inputs[0], dims, dim_at(node, dims, node.integer("dim")), node.integers("indices"),
                          node);
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    const std::size_t along = dim_at(node, graph.dims(node, 0), node.integer("dim"));
    attributes["indices"] = places_in(kept.kept(node.inputs[0], along), node.integers("indices"));
    return attributes;
  }
};

}  // namespace

const Operator& operator_gather() {
  static const Gather kGather;
  return kGather;
}

}  // namespace espalier
