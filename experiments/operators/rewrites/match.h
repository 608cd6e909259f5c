#pragma once

#include <optional>
#include <string_view>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The node that makes a value, if it is of the operator; else null, for kNoValue too.
const Node* made_by(const OperatorGraph& graph, ValueIndex value, std::string_view op);

/// The same of an input of a node; null for a null node.
const Node* input_made_by(const OperatorGraph& graph, const Node* node, std::size_t input, std::string_view op);

/// Of a node with two inputs in any order: the one made by `op`, and the other input.
struct Sides {
  const Node* made = nullptr;
  ValueIndex other = kNoValue;
};
Sides sides(const OperatorGraph& graph, const Node& node, std::string_view op);

/// The number that an AddNumber, MulNumber or Pow has as its attribute; NaN for a null node.
double number_of(const Node* node);
bool near(double number, double other);

bool is_parameter(const OperatorGraph& graph, ValueIndex value);

}  // namespace espalier
