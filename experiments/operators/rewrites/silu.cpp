#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {

/// Elfwing, Uchibe & Doya 2017, arXiv:1702.03118: x sigmoid(x).
std::optional<Replacement> rewrite_silu(const OperatorGraph& graph, const Node& last) {
  if (last.op->name() != "Mul") return std::nullopt;
  const auto [gate, x] = sides(graph, last, "Sigmoid");
  if (gate == nullptr || gate->inputs[0] != x) return std::nullopt;
  return Replacement{"Silu", "", {x}};
}

}  // namespace espalier
