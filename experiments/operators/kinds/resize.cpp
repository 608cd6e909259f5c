#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Interpolates the dimensions after the channels to the attribute `sizes`. Attributes mode: nearest or linear;
/// align_corners: 1 where the corners' centers stay.
class Resize : public Operator {
 public:
  std::string_view name() const override { return "Resize"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    const auto& sizes = node.integers("sizes");
    need_image(node, dims, sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] < 1) refuse(node, "leaves no pixel");
      dims[i + 2].size = sizes[i];
    }
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result = inputs[0];
    block_from(coupling, result, graph.dims(node, 0), 2, node);
    return result;
  }
};

}  // namespace

const Operator& operator_resize() {
  static const Resize kResize;
  return kResize;
}

}  // namespace espalier
