#include "experiments/operators/rebuilt_graph.h"

#include <algorithm>
#include <utility>

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"

namespace espalier {

namespace {

/// By place in nodes().
std::vector<bool> nodes_of(const OperatorGraph& graph, const std::vector<const Block*>& blocks) {
  std::vector<bool> among(graph.nodes().size(), false);
  for (const Block* block : blocks)
    for (std::size_t i = block->first; i < block->end; ++i) among[i] = true;
  return among;
}

OperatorGraph copied(const OperatorGraph& graph, const GraphChanges& changes,
                     const std::function<std::string(const std::string& tensor)>& name) {
  GraphBuilder builder;
  std::vector<ValueIndex> places(graph.values().size(), kNoValue);
  const std::vector<bool> skipped = nodes_of(graph, changes.skipped);
  const auto is_skipped = [&](std::size_t node) { return skipped[node]; };
  const auto stays = [&](const Block& block) {
    for (std::size_t i = block.first; i < block.end; ++i)
      if (!skipped[i]) return true;
    return false;
  };
  const auto place = [&](ValueIndex value) { return value == kNoValue ? kNoValue : places[value]; };
  for (ValueIndex i = 0; i < places.size(); ++i) {
    const Value& value = graph.value(i);
    if (value.source == Value::Source::input)
      places[i] = builder.input(sizes_of(Dims(value.dims.begin() + 1, value.dims.end())), value.type);
    if (!graph.readers(i).empty() && std::ranges::all_of(graph.readers(i), is_skipped)) continue;
    if (value.source == Value::Source::parameter)
      places[i] = builder.parameter(name(value.name), changes.sizes(i), value.role);
    if (value.source == Value::Source::buffer)
      places[i] = builder.buffer(name(value.name), changes.sizes(i), value.initial, value.type);
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    // Blocks are in the order of their ends: of those that begin here, the outer one is the later.
    for (auto block = graph.blocks().rbegin(); block != graph.blocks().rend(); ++block)
      if (block->first == i && stays(*block)) builder.begin_block(block->name, place(block->input));
    if (!skipped[i]) {
      std::vector<ValueIndex> inputs;
      for (const ValueIndex input : node.inputs) inputs.push_back(place(input));
      places[node.output] = builder.add(node.op->name(), node.name, std::move(inputs), changes.attributes(node));
    }
    for (const Block* block : changes.skipped)
      if (block->end == i + 1) places[block->output] = place(block->input);
    for (const Block& block : graph.blocks())
      if (block.end == i + 1 && stays(block)) builder.end_block(place(block.output));
  }
  return builder.finish(place(graph.output()));
}

}  // namespace

OperatorGraph rebuilt(const OperatorGraph& graph, const GraphChanges& changes) {
  return copied(graph, changes, [](const std::string& tensor) { return tensor; });
}

OperatorGraph renamed(const OperatorGraph& graph, const std::map<std::string, std::string>& names) {
  const GraphChanges none{[&](ValueIndex tensor) { return sizes_of(graph.value(tensor).dims); },
                          [](const Node& node) { return node.attributes; }};
  return copied(graph, none, [&](const std::string& tensor) {
    const auto found = names.find(tensor);
    return found == names.end() ? tensor : found->second;
  });
}

}  // namespace espalier
