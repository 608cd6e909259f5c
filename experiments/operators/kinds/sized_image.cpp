#include "experiments/operators/kinds/sized_image.h"

namespace espalier {

Inferred SizedImage::infer(const OperatorGraph& graph, const Node& node) const {
  Dims dims = graph.dims(node, 0);
  const auto& sizes = node.integers("sizes");
  need_image(node, dims, sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1) refuse(node, "leaves no pixel");
    dims[i + 2].size = sizes[i];
  }
  return {dims};
}

CoupledDims SizedImage::couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                               const std::vector<CoupledDims>& inputs) const {
  CoupledDims result = inputs[0];
  block_from(coupling, result, graph.dims(node, 0), 2, node);
  return result;
}

}  // namespace espalier
