#include <numbers>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

/// 1 + erf(x / sqrt(2)): x.
ValueIndex error_function_of(const OperatorGraph& graph, const Node* sum) {
  if (sum == nullptr || number_of(sum) != 1) return kNoValue;
  const Node* scaled = input_made_by(graph, input_made_by(graph, sum, 0, "Erf"), 0, "MulNumber");
  return near(number_of(scaled), 1 / std::numbers::sqrt2) ? scaled->inputs[0] : kNoValue;
}

/// a (1 + erf(b / sqrt(2))): a, where a is b.
struct Gated {
  ValueIndex factor = kNoValue, inside = kNoValue;
};
Gated gated(const OperatorGraph& graph, const Node* product) {
  if (product == nullptr) return {};
  const auto [sum, factor] = sides(graph, *product, "AddNumber");
  return {factor, error_function_of(graph, sum)};
}

}  // namespace

/// Hendrycks & Gimpel 2016, arXiv:1606.08415: x / 2 (1 + erf(x / sqrt(2))), with the half on any of its factors.
std::optional<Replacement> rewrite_gelu(const OperatorGraph& graph, const Node& last) {
  ValueIndex x = kNoValue;
  if (last.op->name() == "MulNumber" && near(number_of(&last), 0.5)) {
    const auto [factor, inside] = gated(graph, input_made_by(graph, &last, 0, "Mul"));
    if (inside == factor) x = inside;
  } else if (last.op->name() == "Mul") {
    const auto [factor, inside] = gated(graph, &last);
    const Node* half = made_by(graph, factor, "MulNumber");
    if (half != nullptr && near(number_of(half), 0.5) && half->inputs[0] == inside) x = inside;
    // x times half of the sum.
    const auto [halved, other] = sides(graph, last, "MulNumber");
    if (halved != nullptr && near(number_of(halved), 0.5) &&
        error_function_of(graph, input_made_by(graph, halved, 0, "AddNumber")) == other)
      x = other;
  }
  if (x == kNoValue) return std::nullopt;
  return Replacement{"Gelu", "", {x}};
}

}  // namespace espalier
