#include <algorithm>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Values side by side along the attribute `dim`.
class Concat : public Operator {
 public:
  std::string_view name() const override { return "Concat"; }

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
    CoupledAxis joined{{along}, {}, std::nullopt};
    bool any = false;
    CoupledDims others;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Dims& dims = graph.dims(node, i);
      CoupledDims part = inputs[i];
      const CoupledAxis* axis = alone(coupling, part, dims, along);
      if (i == 0 && axis != nullptr) joined.removed = axis->removed;
      if (axis == nullptr || joined.removed != axis->removed) joined.removed.reset();
      if (axis != nullptr) {
        any = true;
        joined.atoms.insert(joined.atoms.end(), axis->atoms.begin(), axis->atoms.end());
        std::erase_if(part, [&](const CoupledAxis& one) { return &one == axis; });
      } else {
        const std::vector<Atom> fixed = coupling.make(dims[along].size);
        coupling.block(fixed, node);
        joined.atoms.insert(joined.atoms.end(), fixed.begin(), fixed.end());
      }
      Dims rest = dims;
      rest[along] = {1};
      others = i == 0 ? part : couple_elements(coupling, node, rest, others, rest, part, rest, equal, never);
    }
    if (any) others.push_back(std::move(joined));
    return others;
  }

 private:
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
