#include "experiments/operators/kinds/pool.h"

namespace espalier {

Inferred Pool::infer(const OperatorGraph& graph, const Node& node) const {
  Dims dims = graph.dims(node, 0);
  const auto& kernel = node.integers("kernel");
  need_image(node, dims, kernel.size());
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    dims[i + 2].size = window_places(node, dims[i + 2].size,
                                     {kernel[i], node.integers("strides").at(i), node.integers("padding").at(i),
                                      dilation(node, i), node.integer("round_up") != 0});
  }
  return {dims};
}

CoupledDims Pool::couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                         const std::vector<CoupledDims>& inputs) const {
  CoupledDims result = inputs[0];
  block_from(coupling, result, graph.dims(node, 0), 2, node);
  for (CoupledAxis& axis : result) {
    if (axis.removed) axis.removed = of_constant(node, *axis.removed);
  }
  return result;
}

}  // namespace espalier
