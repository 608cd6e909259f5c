#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Repeats along dimensions of one index, and for every example. Attribute `sizes`: those of the result; batch: which
/// of them is the batch's, -1 for none. A second input, where the first has no batch, says how many examples there are.
class Expand : public Operator {
 public:
  std::string_view name() const override { return "Expand"; }

  Inferred infer(const OperatorGraph&, const Node& node) const override {
    Dims dims = dims_of(node.integers("sizes"));
    if (node.integer("batch") >= 0) dims[dim_at(node, dims, node.integer("batch"))].batch = true;
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.value(node.output).dims;
    const auto same = [](std::optional<double> removed, bool) { return removed; };
    const auto any = [](std::optional<double> one, std::optional<double>) { return one; };
    const Dims ones(dims.size(), Dim{1});
    return couple_elements(coupling, node, dims, inputs[0], graph.dims(node, 0), {}, ones, any, same);
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    return with_kept_sizes(graph, node, kept);
  }
};

}  // namespace

const Operator& operator_expand() {
  static const Expand kExpand;
  return kExpand;
}

}  // namespace espalier
