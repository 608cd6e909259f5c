#include "worker/operators/graph_outputs.h"

#include <algorithm>
#include <vector>

#include <ATen/ops/empty.h>

#include "base/random.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

constexpr std::uint64_t kExamplesSeed = 15;

/// Of the smallest table that looks up what goes in.
std::int64_t vocabulary_of(const OperatorGraph& graph) {
  std::int64_t words = 0;
  for (const std::size_t reader : graph.readers(graph.input())) {
    const Node& node = graph.nodes()[reader];
    if (node.op->name() != "Embedding") continue;
    const std::int64_t rows = graph.dims(node, 1)[0].size;
    words = words == 0 ? rows : std::min(words, rows);
  }
  return std::max<std::int64_t>(words, 1);
}

}  // namespace

at::Tensor random_examples(const OperatorGraph& graph, std::int64_t count) {
  std::vector<std::int64_t> sizes = sizes_of(graph.value(graph.input()).dims);
  sizes[0] = count;
  RandomStream random(kExamplesSeed, "examples", 0);
  if (graph.value(graph.input()).type == ValueType::index) {
    at::Tensor tokens = at::empty(sizes, at::kLong);
    auto* numbers = tokens.data_ptr<std::int64_t>();
    const auto words = static_cast<std::uint64_t>(vocabulary_of(graph));
    for (std::int64_t i = 0; i < tokens.numel(); ++i) numbers[i] = static_cast<std::int64_t>(random.below(words));
    return tokens;
  }
  at::Tensor examples = at::empty(sizes, at::kDouble);
  double* values = examples.data_ptr<double>();
  for (std::int64_t i = 0; i < examples.numel(); ++i) values[i] = random.normal();
  return examples;
}

at::Tensor outputs_of(const OperatorGraph& graph, const at::Tensor& examples, const TensorByName& tensor_called,
                      const NodeVisitor& visit) {
  const Pass pass;
  std::vector<at::Tensor> computed(graph.values().size());
  computed[graph.input()] = examples;
  for (std::size_t place = 0; place < graph.nodes().size(); ++place) {
    const Node& node = graph.nodes()[place];
    std::vector<at::Tensor> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const Value* tensor = graph.tensor(node, i);
      inputs.push_back(tensor != nullptr          ? tensor_called(tensor->name)
                       : graph.has_input(node, i) ? computed[node.inputs[i]]
                                                  : at::Tensor());
    }
    if (visit) visit(place, inputs);
    computed[node.output] = computation_of(*node.op)({graph, node, inputs, pass});
    for (const ValueIndex index : node.inputs) {
      if (index != kNoValue && index != graph.output() && graph.readers(index).back() == place) computed[index].reset();
    }
  }
  return computed[graph.output()];
}

}  // namespace espalier
