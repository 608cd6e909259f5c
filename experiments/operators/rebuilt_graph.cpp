#include "experiments/operators/rebuilt_graph.h"

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

ValueIndex copied_tensor(GraphBuilder& builder, const Value& value, const std::string& name,
                         const std::vector<std::int64_t>& sizes) {
  if (value.source == Value::Source::parameter) return builder.parameter(name, sizes, value.role);
  return builder.buffer(name, sizes, value.initial, value.type);
}

ValueIndex copied_input(GraphBuilder& builder, const Value& value) {
  return builder.input(sizes_of(Dims(value.dims.begin() + 1, value.dims.end())), value.type);
}

/// Outputs of a layer are its last dimension where its weight is a matrix, else the second.
std::int64_t outputs_of(const OperatorGraph& graph, const Node& layer) {
  const Dims& dims = graph.value(layer.output).dims;
  return graph.dims(layer, 1).size() == 2 ? dims.back().size : dims.at(1).size;
}

OperatorGraph copied(const OperatorGraph& graph,
                     const std::function<std::vector<std::int64_t>(ValueIndex tensor)>& sizes,
                     const std::function<Attributes(const Node& node)>& attributes,
                     const std::function<std::string(const std::string& tensor)>& name,
                     const std::set<std::string>& biased = {}) {
  GraphBuilder builder;
  std::vector<ValueIndex> places(graph.values().size(), kNoValue);
  const auto place = [&](ValueIndex value) { return value == kNoValue ? kNoValue : places[value]; };
  for (ValueIndex i = 0; i < places.size(); ++i) {
    const Value& value = graph.value(i);
    if (value.source == Value::Source::input) {
      places[i] = copied_input(builder, value);
    } else if (value.source != Value::Source::node) {
      places[i] = copied_tensor(builder, value, name(value.name), sizes(i));
    }
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    // Blocks are in the order of their ends: of those that begin here, the outer one is the later.
    for (auto block = graph.blocks().rbegin(); block != graph.blocks().rend(); ++block)
      if (block->first == i) builder.begin_block(block->name, place(block->input));
    std::vector<ValueIndex> inputs;
    for (const ValueIndex input : node.inputs) inputs.push_back(place(input));
    if (biased.contains(node.name)) {
      inputs.resize(3, kNoValue);
      inputs[2] = builder.parameter(node.name + ".bias", {outputs_of(graph, node)}, ParameterRole::bias);
    }
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

OperatorGraph with_biases(const OperatorGraph& graph, const std::set<std::string>& layers) {
  return copied(
      graph, [&](ValueIndex tensor) { return sizes_of(graph.value(tensor).dims); },
      [](const Node& node) { return node.attributes; }, [](const std::string& tensor) { return tensor; }, layers);
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

OperatorGraph leading_to(const OperatorGraph& graph, std::size_t node) {
  const ValueIndex output = graph.nodes()[node].output;
  std::vector<bool> read(graph.values().size());
  read[output] = true;
  for (std::size_t i = node + 1; i-- > 0;) {
    const Node& one = graph.nodes()[i];
    for (const ValueIndex input : one.inputs)
      if (read[one.output] && input != kNoValue) read[input] = true;
  }
  GraphBuilder builder;
  std::vector<ValueIndex> places(graph.values().size(), kNoValue);
  for (ValueIndex i = 0; i < places.size(); ++i) {
    const Value& value = graph.value(i);
    if (value.source == Value::Source::input) {
      places[i] = copied_input(builder, value);
    } else if (value.source != Value::Source::node && read[i]) {
      places[i] = copied_tensor(builder, value, value.name, sizes_of(value.dims));
    }
  }
  for (std::size_t i = 0; i <= node; ++i) {
    const Node& one = graph.nodes()[i];
    if (!read[one.output]) continue;
    std::vector<ValueIndex> inputs;
    for (const ValueIndex input : one.inputs) inputs.push_back(input == kNoValue ? kNoValue : places[input]);
    places[one.output] = builder.add(one.op->name(), one.name, std::move(inputs), one.attributes);
  }
  return builder.finish(places[output]);
}

}  // namespace espalier
