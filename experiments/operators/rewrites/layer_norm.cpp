#include <optional>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

bool is_mean_of_last(const OperatorGraph& graph, const Node* mean) {
  if (mean == nullptr || mean->integer("keep_dims") == 0) return false;
  const auto last = static_cast<std::int64_t>(graph.dims(*mean, 0).size()) - 1;
  return mean->integers("dims") == std::vector<std::int64_t>{last};
}

/// x - mean(x) over the last dimension: x.
std::optional<ValueIndex> centered(const OperatorGraph& graph, const Node* difference) {
  if (difference == nullptr) return std::nullopt;
  const Node* mean = input_made_by(graph, difference, 1, "ReduceMean");
  if (!is_mean_of_last(graph, mean) || mean->inputs[0] != difference->inputs[0]) return std::nullopt;
  return difference->inputs[0];
}

bool is_square_of(const OperatorGraph& graph, ValueIndex value, const Node& difference) {
  if (const Node* power = made_by(graph, value, "Pow"))
    return power->number("exponent") == 2 && graph.maker(power->inputs[0]) == graph.maker(difference.output);
  const Node* product = made_by(graph, value, "Mul");
  return product != nullptr && product->inputs[0] == difference.output && product->inputs[1] == difference.output;
}

struct Normalized {
  ValueIndex x;
  double epsilon;
};

/// d / sqrt(mean(d^2) + epsilon) of d = x - mean(x).
std::optional<Normalized> normalized(const OperatorGraph& graph, const Node* quotient) {
  const Node* difference = input_made_by(graph, quotient, 0, "Sub");
  const std::optional<ValueIndex> x = centered(graph, difference);
  const Node* sum = input_made_by(graph, input_made_by(graph, quotient, 1, "Sqrt"), 0, "AddNumber");
  const Node* variance = input_made_by(graph, sum, 0, "ReduceMean");
  if (!x || sum == nullptr || !is_mean_of_last(graph, variance)) return std::nullopt;
  // Torch's exporter makes the difference a second time for its square.
  const Node* squared = difference;
  if (const Node* power = input_made_by(graph, variance, 0, "Pow")) {
    const Node* again = input_made_by(graph, power, 0, "Sub");
    if (again != nullptr && centered(graph, again) == x) squared = again;
  }
  if (!is_square_of(graph, variance->inputs[0], *squared)) return std::nullopt;
  return Normalized{*x, sum->number("number")};
}

bool is_vector_like(const OperatorGraph& graph, ValueIndex tensor, const Node& last) {
  const Dims& dims = graph.value(tensor).dims;
  return is_parameter(graph, tensor) && dims.size() == 1 && dims[0] == graph.value(last.output).dims.back();
}

std::string name_before(const std::string& name, const std::string& suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : std::string();
}

}  // namespace

/// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) scale + shift over the last dimension: LayerNorm.
std::optional<Replacement> rewrite_layer_norm(const OperatorGraph& graph, const Node& last) {
  if (last.op->name() != "Add") return std::nullopt;
  const auto [scaled, shift] = sides(graph, last, "Mul");
  if (scaled == nullptr || !is_vector_like(graph, shift, last)) return std::nullopt;
  const auto [quotient, scale] = sides(graph, *scaled, "Div");
  const std::optional<Normalized> found = normalized(graph, quotient);
  if (!found || !is_vector_like(graph, scale, last)) return std::nullopt;
  return Replacement{"LayerNorm",
                     name_before(graph.value(scale).name, ".weight"),
                     {found->x, scale, shift},
                     {{"dims", std::int64_t{1}}, {"epsilon", found->epsilon}}};
}

}  // namespace espalier
