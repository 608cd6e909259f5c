#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Averages over parts of the image, so that the attribute `sizes` are left, one number for each dimension after the
/// channels.
class AdaptiveAveragePool : public Operator {
 public:
  std::string_view name() const override { return "AdaptiveAveragePool"; }
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

const Operator& operator_adaptive_average_pool() {
  static const AdaptiveAveragePool kAdaptiveAveragePool;
  return kAdaptiveAveragePool;
}

}  // namespace espalier
