#include "experiments/operators/kinds/reduction.h"

#include <algorithm>

namespace espalier {
namespace {

bool is_reduced(const Node& node, std::size_t dim) {
  return std::ranges::count(node.integers("dims"), static_cast<std::int64_t>(dim)) > 0;
}

}  // namespace

Inferred Reduction::infer(const OperatorGraph& graph, const Node& node) const {
  const Dims& dims = graph.dims(node, 0);
  Dims result;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!is_reduced(node, i)) {
      result.push_back(dims[i]);
    } else if (node.integer("keep_dims") != 0) {
      result.push_back({1});
    }
  }
  for (const std::int64_t dim : node.integers("dims")) {
    if (dims[dim_at(node, dims, dim)].batch) refuse(node, "reduces the examples");
  }
  return {result};
}

CoupledDims Reduction::couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                              const std::vector<CoupledDims>& inputs) const {
  const Dims& dims = graph.dims(node, 0);
  CoupledDims result = inputs[0];
  std::vector<std::size_t> places;  // of the dimensions in the result
  std::size_t place = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (is_reduced(node, i)) block_dim(coupling, result, dims, i, node);
    places.push_back(place);
    if (!is_reduced(node, i) || node.integer("keep_dims") != 0) ++place;
  }
  for (CoupledAxis& axis : result) {
    for (std::size_t& dim : axis.dims) dim = places[dim];
  }
  return result;
}

}  // namespace espalier
