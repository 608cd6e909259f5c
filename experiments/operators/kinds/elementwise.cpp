#include <algorithm>
#include <cmath>
#include <numbers>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// A function of every element by itself.
class Elementwise : public Operator {
 public:
  using Function = double (*)(const Node& node, double c);
  Elementwise(std::string_view name, Function function) : name_(name), function_(function) {}
  std::string_view name() const override { return name_; }
  bool has(OperatorTrait trait) const override {
    const bool always = trait == OperatorTrait::per_channel || trait == OperatorTrait::function;
    return always || (trait == OperatorTrait::relu && name_ == "Relu");
  }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override { return {graph.dims(node, 0)}; }

  CoupledDims couple(Coupling& coupling, const OperatorGraph&, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result;
    for (CoupledAxis axis : inputs[0]) {
      if (axis.removed) axis.removed = function_(node, *axis.removed);
      if (axis.removed && !std::isfinite(*axis.removed)) {
        coupling.block(axis.atoms, node);
      } else {
        result.push_back(std::move(axis));
      }
    }
    return result;
  }

 private:
  const std::string_view name_;
  const Function function_;
};

}  // namespace

std::vector<const Operator*> elementwise_operators() {
  static const Elementwise kAll[] = {
#define ESPALIER_ELEMENTWISE(symbol, name, number, tensor) \
  {name, []([[maybe_unused]] const Node& node, double c) -> double { return number; }},
#include "experiments/operators/elementwise.def"
#undef ESPALIER_ELEMENTWISE
  };
  std::vector<const Operator*> all;
  for (const Elementwise& one : kAll) all.push_back(&one);
  return all;
}

}  // namespace espalier
