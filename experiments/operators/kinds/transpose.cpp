#include <algorithm>
#include <numeric>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Dimension i of the result is dimension permutation[i] of the input.
class Transpose : public Operator {
 public:
  std::string_view name() const override { return "Transpose"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    const auto& permutation = node.integers("permutation");
    std::vector<std::int64_t> sorted = permutation, all(dims.size());
    std::ranges::sort(sorted);
    std::iota(all.begin(), all.end(), 0);
    if (sorted != all) refuse(node, "has a permutation that is none of " + to_string(dims));
    Dims result;
    for (const std::int64_t dim : permutation) result.push_back(dims[static_cast<std::size_t>(dim)]);
    return {result};
  }

  CoupledDims couple(Coupling&, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const auto& permutation = node.integers("permutation");
    std::vector<std::size_t> places(permutation.size());
    for (std::size_t i = 0; i < permutation.size(); ++i) places[static_cast<std::size_t>(permutation[i])] = i;
    CoupledDims result;
    for (const CoupledAxis& axis : inputs[0]) result.push_back(moved(axis, places, graph.dims(node, 0)));
    return result;
  }

 private:
  static CoupledAxis moved(const CoupledAxis& axis, const std::vector<std::size_t>& places, const Dims& dims) {
    const std::size_t count = axis.dims.size();
    std::vector<std::size_t> order(count);  // of the axis's dimensions in the result
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return places[axis.dims[i]]; });
    std::vector<std::size_t> steps(count, 1);  // in axis.atoms
    for (std::size_t i = count; i-- > 1;) steps[i - 1] = steps[i] * static_cast<std::size_t>(dims[axis.dims[i]].size);
    CoupledAxis result{{}, {}, axis.removed};
    for (const std::size_t i : order) result.dims.push_back(places[axis.dims[i]]);
    result.atoms.reserve(axis.atoms.size());
    std::vector<std::size_t> index(count, 0);
    for (std::size_t n = 0; n < axis.atoms.size(); ++n) {
      std::size_t from = 0;
      for (std::size_t i = 0; i < count; ++i) from += index[i] * steps[order[i]];
      result.atoms.push_back(axis.atoms[from]);
      for (std::size_t i = count; i-- > 0;) {
        if (++index[i] < static_cast<std::size_t>(dims[axis.dims[order[i]]].size)) break;
        index[i] = 0;
      }
    }
    return result;
  }
};

}  // namespace

const Operator& operator_transpose() {
  static const Transpose kTranspose;
  return kTranspose;
}

}  // namespace espalier
