#include "experiments/operators/rewrites/graph_copy.h"

#include <utility>

#include "base/error.h"
#include "experiments/operators/operator.h"

namespace espalier {

GraphCopy::GraphCopy(const OperatorGraph& graph) : graph_(graph), values_(graph.values().size(), kNoValue) {
  const Value& input = graph.value(graph.input());
  std::vector<std::int64_t> sizes = sizes_of(input.dims);
  sizes.erase(sizes.begin());
  values_[graph.input()] = builder_.input(sizes, input.type);
  for (const Value& value : graph.values()) roles_.push_back(value.role);
}

ValueIndex GraphCopy::at(ValueIndex value) {
  if (value == kNoValue || values_[value] != kNoValue) return value == kNoValue ? kNoValue : values_[value];
  const Value& old = graph_.value(value);
  switch (old.source) {
    case Value::Source::parameter:
      return values_[value] = builder_.parameter(old.name, sizes_of(old.dims), roles_[value]);
    case Value::Source::buffer:
      return values_[value] = builder_.buffer(old.name, sizes_of(old.dims), old.initial, old.type);
    case Value::Source::input:
    case Value::Source::node:
      break;
  }
  throw Error(ErrorKind::internal, "a copy of a graph reads " + old.name + ", which it has not");
}

void GraphCopy::copy(const Node& node) {
  std::vector<ValueIndex> inputs;
  for (const ValueIndex input : node.inputs) inputs.push_back(at(input));
  values_[node.output] = builder_.add(node.op->name(), node.name, std::move(inputs), node.attributes);
}

std::vector<bool> read_nodes(const OperatorGraph& graph) {
  std::vector<bool> read(graph.nodes().size(), false);
  std::vector<std::size_t> open{graph.maker(graph.output())};
  while (!open.empty()) {
    const std::size_t place = open.back();
    open.pop_back();
    if (place >= read.size() || read[place]) continue;
    read[place] = true;
    for (const ValueIndex input : graph.nodes()[place].inputs) {
      if (input != kNoValue) open.push_back(graph.maker(input));
    }
  }
  return read;
}

}  // namespace espalier
