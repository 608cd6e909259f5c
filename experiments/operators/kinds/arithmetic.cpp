#include <algorithm>
#include <cmath>
#include <optional>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

using Known = std::optional<double>;
constexpr std::nullopt_t kAny = std::nullopt;

/// A function of pairs of elements, with broadcasting.
class Arithmetic : public Operator {
 public:
  using Combine = Known (*)(Known, Known);
  using WithAny = Known (*)(Known, bool is_first);
  Arithmetic(std::string_view name, Combine combine, WithAny with_any)
      : name_(name), combine_(combine), with_any_(with_any) {}
  std::string_view name() const override { return name_; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::sum && name_ == "Add"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    return {broadcast(node, graph.dims(node, 0), graph.dims(node, 1))};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result = couple_elements(coupling, node, graph.value(node.output).dims, inputs[0], graph.dims(node, 0),
                                         inputs[1], graph.dims(node, 1), combine_, with_any_);
    for (const CoupledAxis& axis : result) {
      if (axis.removed && !std::isfinite(*axis.removed)) coupling.block(axis.atoms, node);
    }
    return result;
  }

 private:
  const std::string_view name_;
  const Combine combine_;
  const WithAny with_any_;
};

}  // namespace

std::vector<const Operator*> arithmetic_operators() {
  static const Arithmetic kAll[] = {
#define ESPALIER_ARITHMETIC(symbol, name, numbers, first_zero, second_zero, tensors)                       \
  {name,                                                                                                   \
   [](Known one, Known other) -> Known {                                                                   \
     if (!one || !other) return one == 0.0 ? Known(first_zero) : other == 0.0 ? Known(second_zero) : kAny; \
     const double a = *one, b = *other;                                                                    \
     return numbers;                                                                                       \
   },                                                                                                      \
   [](Known one, bool is_first) -> Known {                                                                 \
     return one != 0.0 ? Known(kAny) : is_first ? Known(first_zero) : Known(second_zero);                  \
   }},
#include "experiments/operators/arithmetic.def"
#undef ESPALIER_ARITHMETIC
  };
  std::vector<const Operator*> all;
  for (const Arithmetic& one : kAll) all.push_back(&one);
  return all;
}

}  // namespace espalier
