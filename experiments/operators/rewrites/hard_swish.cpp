#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

/// clip(x + 3, 0, 6): x.
ValueIndex clipped_of(const OperatorGraph& graph, const Node* clip) {
  if (clip == nullptr || clip->number("min") != 0 || clip->number("max") != 6) return kNoValue;
  const Node* sum = input_made_by(graph, clip, 0, "AddNumber");
  return number_of(sum) == 3 ? sum->inputs[0] : kNoValue;
}

}  // namespace

/// Howard et al. 2019, arXiv:1905.02244: x clip(x + 3, 0, 6) / 6, or x HardSigmoid(x).
std::optional<Replacement> rewrite_hard_swish(const OperatorGraph& graph, const Node& last) {
  ValueIndex x = kNoValue;
  if (last.op->name() == "MulNumber" && near(number_of(&last), 1.0 / 6)) {
    if (const Node* product = input_made_by(graph, &last, 0, "Mul")) {
      const auto [clip, other] = sides(graph, *product, "Clip");
      if (clipped_of(graph, clip) == other) x = other;
    }
  } else if (last.op->name() == "Mul") {
    const auto [gate, other] = sides(graph, last, "HardSigmoid");
    if (gate != nullptr && gate->inputs[0] == other) x = other;
    const auto [scaled, beside] = sides(graph, last, "MulNumber");
    if (scaled != nullptr && near(number_of(scaled), 1.0 / 6) &&
        clipped_of(graph, input_made_by(graph, scaled, 0, "Clip")) == beside)
      x = beside;
  }
  if (x == kNoValue) return std::nullopt;
  return Replacement{"HardSwish", "", {x}};
}

}  // namespace espalier
