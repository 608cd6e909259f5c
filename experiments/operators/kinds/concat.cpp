#include <algorithm>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Values side by side along the attribute `dim`.
class Concat : public Operator {
 public:
  std::string_view name() const override { return "Concat"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::joins; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims result = graph.dims(node, 0);
    const std::size_t along = dim_at(node, result, node.integer("dim"));
    if (result[along].batch) refuse(node, "joins examples");
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      Dims dims = graph.dims(node, i);
      if (dims.size() != result.size())
        refuse(node, "takes " + to_string(result) + " and " + to_string(dims) + ", which do not fit together");
      const std::int64_t size = dims[along].size;
      dims[along].size = result[along].size;
      if (dims != result)
        refuse(node, "takes " + to_string(result) + " and " + to_string(dims) + ", which do not fit together");
      result[along].size += size;
    }
    return {result};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const std::size_t along = dim_at(node, graph.dims(node, 0), node.integer("dim"));
    // Heads that are cut and joined again keep what is indexed together with `along`.
    const bool together = cover_together(inputs, along);
    CoupledAxis joined{{along}, {}, std::nullopt};
    bool any = false;
    CoupledDims others;
    std::vector<std::vector<Atom>> parts;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Dims& dims = graph.dims(node, i);
      CoupledDims part = inputs[i];
      const CoupledAxis* axis = together ? axis_over(part, along) : alone(coupling, part, dims, along);
      if (i == 0 && axis != nullptr) joined.removed = axis->removed;
      if (axis == nullptr || joined.removed != axis->removed) joined.removed.reset();
      if (axis != nullptr) {
        any = true;
        joined.dims = axis->dims;
        parts.push_back(axis->atoms);
        std::erase_if(part, [&](const CoupledAxis& one) { return &one == axis; });
      } else {
        parts.push_back(coupling.make(dims[along].size));
        coupling.block(parts.back(), node);
      }
      Dims rest = dims;
      rest[along] = {1};
      others = i == 0 ? part : couple_elements(coupling, node, rest, others, rest, part, rest, equal, never);
    }
    if (!any) return others;
    std::int64_t runs = 1;  // of each part, one after another
    for (const std::size_t dim : joined.dims) runs *= dim < along ? graph.dims(node, 0)[dim].size : 1;
    for (std::int64_t run = 0; run < runs; ++run) {
      for (const std::vector<Atom>& part : parts) {
        const std::ptrdiff_t size = std::ssize(part) / runs;
        joined.atoms.insert(joined.atoms.end(), part.begin() + run * size, part.begin() + (run + 1) * size);
      }
    }
    others.push_back(std::move(joined));
    return others;
  }

 private:
  static const CoupledAxis* axis_over(const CoupledDims& value, std::size_t dim) {
    const auto found = std::ranges::find_if(
        value, [&](const CoupledAxis& axis) { return std::ranges::find(axis.dims, dim) != axis.dims.end(); });
    return found == value.end() ? nullptr : &*found;
  }
  /// Whether all have an axis over the dimension and the same others.
  static bool cover_together(const std::vector<CoupledDims>& inputs, std::size_t along) {
    const CoupledAxis* first = axis_over(inputs[0], along);
    return first != nullptr && std::ranges::all_of(inputs, [&](const CoupledDims& input) {
             const CoupledAxis* axis = axis_over(input, along);
             return axis != nullptr && axis->dims == first->dims;
           });
  }

  static std::optional<double> equal(std::optional<double> one, std::optional<double> other) {
    return one == other ? one : std::nullopt;
  }
  static std::optional<double> never(std::optional<double>, bool) { return std::nullopt; }
};

}  // namespace

const Operator& operator_concat() {
  static const Concat kConcat;
  return kConcat;
}

}  // namespace espalier
