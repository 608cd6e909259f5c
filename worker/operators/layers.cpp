#include <ATen/ops/linear.h>

#include "base/error.h"
#include "experiments/operators/kinds/kinds.h"
#include "worker/layers/conv.h"
#include "worker/layers/linear.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

ConvGeometry geometry_of(const Node& node) {
  return {node.integers("strides"), node.integers("padding"), node.integers("dilations"), node.integer("groups")};
}

}  // namespace

std::shared_ptr<MaskedLayer> make_layer(const OperatorGraph& graph, const Node& node, LayerTensors tensors) {
  // Nodes that share a weight are one layer.
  const Node& first = graph.nodes()[graph.readers(node.inputs[1])[0]];
  if (node.op == &operator_linear()) return std::make_shared<Linear>(first.name, std::move(tensors));
  if (node.op == &operator_conv()) return std::make_shared<Conv>(first.name, std::move(tensors), geometry_of(node));
  if (node.op == &operator_conv_transpose()) {
    return std::make_shared<ConvTranspose>(first.name, std::move(tensors), geometry_of(node),
                                           node.integers("output_padding"));
  }
  throw Error(ErrorKind::internal, "operator " + std::string(node.op->name()) + " is no layer");
}

at::Tensor compute_linear(const Computed& computed) {
  return at::linear(computed.x(), computed.inputs[1], computed.input(2));
}

at::Tensor compute_conv(const Computed& computed) {
  return convolve(computed.x(), computed.inputs[1], computed.input(2), geometry_of(computed.node));
}

at::Tensor compute_conv_transpose(const Computed& computed) {
  return convolve_transposed(computed.x(), computed.inputs[1], computed.input(2), geometry_of(computed.node),
                             computed.node.integers("output_padding"));
}

}  // namespace espalier
