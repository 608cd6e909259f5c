#include "tests/worker/imports/generic_copy.h"

#include <memory>
#include <utility>
#include <vector>

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

using Sizes = std::vector<std::int64_t>;

/// [N, tokens, heads depth] as [N, heads, tokens, depth].
ValueIndex heads_of(GraphBuilder& graph, ValueIndex x, std::int64_t heads) {
  const Dims dims = graph.dims(x);
  x = graph.add("Reshape", "", {x},
                {{"sizes", Sizes{1, dims[1].size, heads, dims[2].size / heads}}, {"batch", std::int64_t{0}}});
  return graph.add("Transpose", "", {x}, {{"permutation", Sizes{0, 2, 1, 3}}});
}

/// As torch's users write it.
ValueIndex written_out_attention(GraphBuilder& graph, const Node& node, const std::vector<ValueIndex>& inputs) {
  const std::int64_t heads = node.integer("heads");
  const ValueIndex q = heads_of(graph, inputs[0], heads), k = heads_of(graph, inputs[1], heads),
                   v = heads_of(graph, inputs[2], heads);
  const ValueIndex turned = graph.add("Transpose", "", {k}, {{"permutation", Sizes{0, 1, 3, 2}}});
  ValueIndex match = graph.add("MatMul", "", {q, turned});
  match = graph.add("MulNumber", "", {match}, {{"number", 1 / node.number("divisor")}});
  match = graph.add("Softmax", "", {match}, {{"dim", std::int64_t{-1}}});
  ValueIndex given = graph.add("MatMul", "", {match, v});
  given = graph.add("Transpose", "", {given}, {{"permutation", Sizes{0, 2, 1, 3}}});
  const Dims dims = graph.dims(given);
  return graph.add("Reshape", "", {given},
                   {{"sizes", Sizes{1, dims[1].size, dims[2].size * dims[3].size}}, {"batch", std::int64_t{0}}});
}

}  // namespace

GenericCopy generic_copy(const ModelDescription& model, bool written_out) {
  const OperatorGraph& graph = *model.graph;
  GenericCopy copy;
  GraphBuilder builder;
  std::vector<ValueIndex> places(graph.values().size(), kNoValue);
  const Dims& input = graph.value(graph.input()).dims;
  places[graph.input()] =
      builder.input(sizes_of(Dims(input.begin() + 1, input.end())), graph.value(graph.input()).type);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const std::string name = "n" + std::to_string(i);
    std::vector<ValueIndex> inputs;
    for (const ValueIndex read : node.inputs) {
      if (read != kNoValue && places[read] == kNoValue) {
        const Value& tensor = graph.value(read);
        const std::string now = name + tensor.name.substr(tensor.name.rfind('.'));
        copy.names[tensor.name] = now;
        places[read] = tensor.source == Value::Source::parameter
                           ? builder.parameter(now, sizes_of(tensor.dims), ParameterRole::other)
                           : builder.buffer(now, sizes_of(tensor.dims), tensor.initial);
      }
      inputs.push_back(read == kNoValue ? kNoValue : places[read]);
    }
    const bool explode = written_out && node.op->has(OperatorTrait::attention);
    places[node.output] = explode ? written_out_attention(builder, node, inputs)
                                  : builder.add(node.op->name(), name, std::move(inputs), node.attributes);
  }
  copy.model = model;
  copy.model.name = "copy";
  copy.model.graph = std::make_shared<const OperatorGraph>(rewritten(builder.finish(places[graph.output()])));
  return copy;
}

}  // namespace espalier
