#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Wu & He 2018, arXiv:1803.08494, over dimension 1 in so many groups; scale and shift [channels], or none. Attributes
/// groups, epsilon. The channels of a group share their statistics: they leave together.
class GroupNorm : public Operator {
 public:
  std::string_view name() const override { return "GroupNorm"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    const std::int64_t groups = node.integer("groups");
    if (dims.size() < 2 || !dims[0].batch) refuse(node, "takes channels, but gets " + to_string(dims));
    if (groups < 1 || dims[1].size % groups != 0)
      refuse(node,
             "cannot share " + std::to_string(dims[1].size) + " channels among " + std::to_string(groups) + " groups");
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
    for (CoupledAxis& axis : result) axis.removed.reset();
    if (channels == nullptr) return result;
    const std::size_t width = channels->atoms.size() / static_cast<std::size_t>(node.integer("groups"));
    for (std::size_t i = 0; i < channels->atoms.size(); ++i)
      coupling.unite(channels->atoms[i], channels->atoms[i / width * width]);
    if (graph.has_input(node, 1) && graph.has_input(node, 2)) channels->removed = 0.0;
    return result;
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    const std::int64_t width = graph.dims(node, 0)[1].size / node.integer("groups");
    attributes["groups"] = kept.count(node.inputs[0], 1) / width;
    return attributes;
  }
};

}  // namespace

const Operator& operator_group_norm() {
  static const GroupNorm kGroupNorm;
  return kGroupNorm;
}

}  // namespace espalier
