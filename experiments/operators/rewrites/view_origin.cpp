#include "experiments/operators/rewrites/view_origin.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"

// A reshape keeps the order of an example's numbers. For the others, the indices of each number in the result are taken
// to indices in what they are given.

namespace espalier {
namespace {

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 24;

using Places = std::vector<std::int64_t>;

/// For each dimension of the result: which of its input's it is, and which index of that each of its own is.
struct Movement {
  std::vector<std::size_t> dims;
  std::vector<std::vector<std::int64_t>> indices;
};

Movement movement_of(const OperatorGraph& graph, const Node& node) {
  const Dims& from = graph.dims(node, 0);
  const Dims& to = graph.value(node.output).dims;
  Movement movement;
  for (std::size_t i = 0; i < to.size(); ++i) {
    movement.dims.push_back(i);
    movement.indices.emplace_back(static_cast<std::size_t>(to[i].size));
    std::iota(movement.indices.back().begin(), movement.indices.back().end(), std::int64_t{0});
  }
  if (node.op->name() == "Transpose") {
    for (std::size_t i = 0; i < to.size(); ++i)
      movement.dims[i] = static_cast<std::size_t>(node.integers("permutation")[i]);
  } else if (node.op->name() == "Slice") {
    const std::size_t along = dim_at(node, from, node.integer("dim"));
    for (std::int64_t& index : movement.indices[along]) index = node.integer("start") + index * node.integer("step");
  } else if (node.op->name() == "Gather") {
    movement.indices[dim_at(node, from, node.integer("dim"))] = node.integers("indices");
  } else if (node.op->name() == "Expand") {
    for (std::size_t i = 0; i < to.size(); ++i) {
      const bool repeats = i + from.size() < to.size() || from[i + from.size() - to.size()].size == 1;
      if (repeats) std::ranges::fill(movement.indices[i], 0);
      // A dimension that the input has not adds nothing.
      movement.dims[i] = i + from.size() < to.size() ? from.size() : i + from.size() - to.size();
    }
  }
  return movement;
}

/// The place in the input of each number of the result.
Places moved(const OperatorGraph& graph, const Node& node) {
  const Dims& from = graph.dims(node, 0);
  const Dims& to = graph.value(node.output).dims;
  const Movement movement = movement_of(graph, node);
  std::vector<std::int64_t> steps(from.size() + 1, 0);
  std::int64_t step = 1;
  for (std::size_t i = from.size(); i-- > 0;) {
    steps[i] = step;
    step *= from[i].size;
  }
  Places places{0};
  for (std::size_t i = 0; i < to.size(); ++i) {
    Places more;
    more.reserve(places.size() * movement.indices[i].size());
    for (const std::int64_t place : places) {
      for (const std::int64_t index : movement.indices[i]) more.push_back(place + index * steps[movement.dims[i]]);
    }
    places = std::move(more);
  }
  return places;
}

bool has_batch(const Dims& dims) {
  return std::ranges::any_of(dims, &Dim::batch);
}

}  // namespace

ValueIndex viewed(const OperatorGraph& graph, ValueIndex value) {
  constexpr std::array<std::string_view, 6> kViews{"Reshape", "Transpose", "Slice", "Gather", "Expand", "MulNumber"};
  if (value == kNoValue || graph.maker(value) == graph.nodes().size()) return kNoValue;
  const Node& node = graph.nodes()[graph.maker(value)];
  if (std::ranges::find(kViews, node.op->name()) == kViews.end()) return kNoValue;
  return has_batch(graph.dims(node, 0)) == has_batch(graph.value(value).dims) ? node.inputs[0] : kNoValue;
}

std::optional<ViewOrigin> origin_of(const OperatorGraph& graph, ValueIndex value) {
  if (elements(graph.value(value).dims) > kMostNumbers) return std::nullopt;
  ViewOrigin origin{value, Places(static_cast<std::size_t>(elements(graph.value(value).dims)))};
  std::iota(origin.places.begin(), origin.places.end(), std::int64_t{0});
  for (ValueIndex from = viewed(graph, origin.source); from != kNoValue; from = viewed(graph, origin.source)) {
    const Node& node = graph.nodes()[graph.maker(origin.source)];
    if (elements(graph.value(from).dims) > kMostNumbers) return std::nullopt;
    if (node.op->name() == "MulNumber") {
      origin.factor *= number_of(&node);
    } else if (node.op->name() != "Reshape") {
      const Places places = moved(graph, node);
      for (std::int64_t& place : origin.places) place = places[static_cast<std::size_t>(place)];
    }
    origin.source = from;
  }
  return origin;
}

}  // namespace espalier
