#include "experiments/operators/rewrites/match.h"

#include <cmath>
#include <limits>

#include "experiments/operators/operator.h"

namespace espalier {

const Node* made_by(const OperatorGraph& graph, ValueIndex value, std::string_view op) {
  if (value == kNoValue || graph.maker(value) == graph.nodes().size()) return nullptr;
  const Node& node = graph.nodes()[graph.maker(value)];
  return node.op->name() == op ? &node : nullptr;
}

const Node* input_made_by(const OperatorGraph& graph, const Node* node, std::size_t input, std::string_view op) {
  return node == nullptr || input >= node->inputs.size() ? nullptr : made_by(graph, node->inputs[input], op);
}

Sides sides(const OperatorGraph& graph, const Node& node, std::string_view op) {
  for (std::size_t i = 0; i < 2 && node.inputs.size() == 2; ++i) {
    if (const Node* made = input_made_by(graph, &node, i, op)) return {made, node.inputs[1 - i]};
  }
  return {};
}

double number_of(const Node* node) {
  if (node == nullptr) return std::numeric_limits<double>::quiet_NaN();
  return node->number(node->op->name() == "Pow" ? "exponent" : "number");
}

bool near(double number, double other) {
  return std::abs(number - other) <= 1e-4 * std::abs(other);
}

bool is_parameter(const OperatorGraph& graph, ValueIndex value) {
  return value != kNoValue && graph.value(value).source == Value::Source::parameter;
}

}  // namespace espalier
