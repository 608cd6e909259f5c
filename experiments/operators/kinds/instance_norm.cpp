#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022: each channel of each example over its places; scale and shift
/// [channels], or none. Attribute epsilon.
class InstanceNorm : public Operator {
 public:
  std::string_view name() const override { return "InstanceNorm"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    if (dims.size() < 3 || !dims[0].batch) refuse(node, "takes images, but gets " + to_string(dims));
    need_channel_tensors(graph, node, 3);
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    CoupledDims result = inputs[0];
    block_from(coupling, result, dims, 2, node);
    CoupledAxis* channels = alone(coupling, result, dims, 1);
    couple_channel_tensors(coupling, graph, node, inputs, channels, 3);
    // Without scale and shift a constant channel, which is its own mean, is zero.
    const bool is_zero = channels != nullptr && (graph.has_input(node, 1) || channels->removed);
    if (channels != nullptr) channels->removed = is_zero ? std::optional(0.0) : std::nullopt;
    return result;
  }
};

}  // namespace

const Operator& operator_instance_norm() {
  static const InstanceNorm kInstanceNorm;
  return kInstanceNorm;
}

}  // namespace espalier
