#include "experiments/operators/rebuilt_graph.h"

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"

namespace espalier {

namespace {

OperatorGraph copied(const OperatorGraph& graph,
                     const std::function<std::vector<std::int64_t>(ValueIndex tensor)>& sizes,
                     const std::function<Attributes(const Node& node)>& attributes,
                     const std::function<std::string(const std::string& tensor)>& name) {
  GraphBuilder builder;
  std::vector<ValueIndex> places(graph.values().size(), kNoValue);
  const auto place = [&](ValueIndex value) { return value == kNoValue ? kNoValue : places[value]; };
  for (ValueIndex i = 0; i < places.size(); ++i) {
    const Value& value = graph.value(i);
    if (value.source == Value::Source::input)
      places[i] = builder.input(sizes_of(Dims(value.dims.begin() + 1, value.dims.end())), value.type);
    if (value.source == Value::Source::parameter) places[i] = builder.parameter(name(value.name), sizes(i), value.role);
    if (value.source == Value::Source::buffer)
      places[i] = builder.buffer(name(value.name), sizes(i), value.initial, value.type);
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    // Blocks are in the order of their ends: of those that begin here, the outer one is the later.
    for (auto block = graph.blocks().rbegin(); block != graph.blocks().rend(); ++block)
      if (block->first == i) builder.begin_block(block->name, place(block->input));
    std::vector<ValueIndex> inputs;
    for (const ValueIndex input : node.inputs) inputs.push_back(place(input));
    places[node.output] = builder.add(node.op->name(), node.name, std::move(inputs), attributes(node));
    for (const Block& block : graph.blocks())
      if (block.end == i + 1) builder.end_block(place(block.output));
  }
  return builder.finish(place(graph.output()));
}

}  // namespace

OperatorGraph rebuilt(const OperatorGraph& graph,
                      const std::function<std::vector<std::int64_t>(ValueIndex tensor)>& sizes,
                      const std::function<Attributes(const Node& node)>& attributes) {
  return copied(graph, sizes, attributes, [](const std::string& tensor) { return tensor; });
}

OperatorGraph renamed(const OperatorGraph& graph, const std::map<std::string, std::string>& names) {
  return copied(
      graph, [&](ValueIndex tensor) { return sizes_of(graph.value(tensor).dims); },
      [](const Node& node) { return node.attributes; },
      [&](const std::string& tensor) {
        const auto found = names.find(tensor);
        return found == names.end() ? tensor : found->second;
      });
}

}  // namespace espalier
