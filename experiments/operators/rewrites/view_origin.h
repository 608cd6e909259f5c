#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Where the numbers of a value come from, if operators that only move and scale numbers made it.
struct ViewOrigin {
  ValueIndex source = kNoValue;      ///< the first value that something else made
  std::vector<std::int64_t> places;  ///< for each number of an example its place in an example of `source`, row-major
  double factor = 1;                 ///< that the numbers were multiplied by on the way
};

/// The value that an operator moves or scales: the input of a Reshape, Transpose, Slice, Gather, Expand or MulNumber;
/// kNoValue for what something else made, and where a value becomes one of every example.
ValueIndex viewed(const OperatorGraph& graph, ValueIndex value);

/// None for values of more numbers than are gone through one by one.
std::optional<ViewOrigin> origin_of(const OperatorGraph& graph, ValueIndex value);

}  // namespace espalier
