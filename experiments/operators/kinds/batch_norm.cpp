#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Ioffe & Szegedy 2015, arXiv:1502.03167, over dimension 1. Inputs x, scale, shift, running mean, running variance;
/// scale and shift may be missing. Attributes epsilon; momentum, of the running statistics.
class BatchNorm : public Operator {
 public:
  std::string_view name() const override { return "BatchNorm"; }
  bool has(OperatorTrait trait) const override {
    return trait == OperatorTrait::batch_norm || trait == OperatorTrait::per_channel;
  }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    if (dims.size() < 2 || !dims[0].batch) refuse(node, "takes channels, but gets " + to_string(dims));
    need_channel_tensors(graph, node, 5);
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result = inputs[0];
    CoupledAxis* channels = alone(coupling, result, graph.dims(node, 0), 1);
    couple_channel_tensors(coupling, graph, node, inputs, channels, 5);
    for (CoupledAxis& axis : result) axis.removed.reset();
    if (channels != nullptr && graph.has_input(node, 1) && graph.has_input(node, 2)) channels->removed = 0.0;
    return result;
  }
};

}  // namespace

const Operator& operator_batch_norm() {
  static const BatchNorm kBatchNorm;
  return kBatchNorm;
}

}  // namespace espalier
