#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// The product of matrices [..., n, k] and [..., k, m], with broadcasting of the dimensions before them.
class MatMul : public Operator {
 public:
  std::string_view name() const override { return "MatMul"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& first = graph.dims(node, 0);
    const Dims& second = graph.dims(node, 1);
    if (first.size() < 2 || second.size() < 2) refuse(node, "is a product of matrices, but gets a vector");
    if (first.back() != second[second.size() - 2])
      refuse_inputs(node, second[second.size() - 2].size, first.back().size);
    Dims dims = broadcast(node, Dims(first.begin(), first.end() - 2), Dims(second.begin(), second.end() - 2));
    dims.push_back(first[first.size() - 2]);
    dims.push_back(second.back());
    return {dims};
  }

  Madds madds(const OperatorGraph& graph, const Node& node) const override {
    const std::int64_t count = elements(graph.value(node.output).dims) * graph.dims(node, 0).back().size;
    const bool weighted = graph.tensor(node, 0) != nullptr || graph.tensor(node, 1) != nullptr;
    return weighted ? Madds{count, 0} : Madds{0, count};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& first_dims = graph.dims(node, 0);
    const Dims& second_dims = graph.dims(node, 1);
    const Dims& out = graph.value(node.output).dims;
    CoupledDims first = inputs[0], second = inputs[1];
    CoupledDims result;
    const bool computed = graph.tensor(node, 0) == nullptr && graph.tensor(node, 1) == nullptr;
    const auto at = [&](CoupledDims& value, const Dims& dims, std::size_t from_end) {
      return dims.size() < from_end ? nullptr : alone(coupling, value, dims, dims.size() - from_end);
    };
    const auto repeats = [](const Dims& dims, std::size_t from_end) {
      return dims.size() < from_end || dims[dims.size() - from_end].size == 1;
    };
    for (std::size_t from_end = 3; from_end <= out.size(); ++from_end) {
      const CoupledAxis* one = at(first, first_dims, from_end);
      const CoupledAxis* other = at(second, second_dims, from_end);
      const bool broadcasts =
          (one == nullptr && repeats(first_dims, from_end)) || (other == nullptr && repeats(second_dims, from_end));
      if (!broadcasts) couple_products(coupling, node, one, other);
      const CoupledAxis* axis = one != nullptr ? one : other;
      if (axis == nullptr) continue;
      if (computed) coupling.mark_heads(axis->atoms);
      const bool zero = (one != nullptr && one->removed == 0.0) || (other != nullptr && other->removed == 0.0);
      result.push_back({{out.size() - from_end}, axis->atoms, zero ? std::optional(0.0) : std::nullopt});
    }
    const CoupledAxis* summed = at(first, first_dims, 1);
    const CoupledAxis* summed_too = at(second, second_dims, 2);
    couple_products(coupling, node, summed, summed_too);
    if (computed && summed != nullptr && summed->removed != 0.0 && summed_too != nullptr && summed_too->removed != 0.0)
      coupling.block(summed->atoms, node);
    if (const CoupledAxis* rows = at(first, first_dims, 2))
      result.push_back({{out.size() - 2}, rows->atoms, zero_if_zero(rows)});
    if (const CoupledAxis* columns = at(second, second_dims, 1))
      result.push_back({{out.size() - 1}, columns->atoms, zero_if_zero(columns)});
    return result;
  }

 private:
  static std::optional<double> zero_if_zero(const CoupledAxis* axis) {
    return axis->removed == 0.0 ? std::optional(0.0) : std::nullopt;
  }
};

}  // namespace

const Operator& operator_matmul() {
  static const MatMul kMatMul;
  return kMatMul;
}

}  // namespace espalier
