#include "experiments/pruning/removable_blocks.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/graph_copy.h"

namespace espalier {
namespace {

bool has_weights(const Node& node) {
  return node.op->has(OperatorTrait::layer) || node.op->has(OperatorTrait::batch_norm);
}

/// What a value inside a block is once the block's weights are zero.
enum class Emptied { unknown, zero, input };

/// Whether all that a node adds or multiplies is its own, and can be zero: the weight and bias of a layer, the scale
/// and shift of a batch norm.
bool can_be_zero(const OperatorGraph& graph, const Node& node) {
  const auto is_own = [&](std::size_t input) {
    const Value* tensor = graph.tensor(node, input);
    return tensor != nullptr && tensor->source == Value::Source::parameter &&
           graph.readers(node.inputs[input]).size() == 1;
  };
  const bool prunable = !node.op->has(OperatorTrait::layer) ||
                        (graph.tensor(node, 1) != nullptr && graph.tensor(node, 1)->role == ParameterRole::weight);
  return prunable && is_own(1) && (!graph.has_input(node, 2) || is_own(2));
}

/// Whether a node makes zeros of nothing but zeros.
bool keeps_zeros(const OperatorGraph& graph, const Node& node) {
  constexpr std::array<std::string_view, 13> kMovers{
      "Reshape", "Transpose",  "Slice",          "Gather",  "Expand",      "Concat",
      "Dropout", "ReduceMean", "ChannelDropout", "MaxPool", "AveragePool", "AdaptiveAveragePool",
      "Resize"};
  if (!node.op->has(OperatorTrait::function)) return std::ranges::find(kMovers, node.op->name()) != kMovers.end();
  Coupling coupling;
  const CoupledAxis zeros{{0}, coupling.make(1), 0.0};
  const CoupledDims given = node.op->couple(coupling, graph, node, {{zeros}});
  return !given.empty() && given[0].removed == 0.0;
}

Emptied emptied(const OperatorGraph& graph, const Node& node, const std::map<ValueIndex, Emptied>& known) {
  const auto of = [&](std::size_t input) {
    const auto found = graph.has_input(node, input) ? known.find(node.inputs[input]) : known.end();
    return found == known.end() ? Emptied::unknown : found->second;
  };
  if (has_weights(node)) return can_be_zero(graph, node) ? Emptied::zero : Emptied::unknown;
  if (node.op->has(OperatorTrait::attention)) return of(2) == Emptied::zero ? Emptied::zero : Emptied::unknown;
  // A block follows a ReLU where it ends in one.
  if (node.op->has(OperatorTrait::relu)) return of(0);
  if (node.op->has(OperatorTrait::sum)) {
    if (of(0) == Emptied::zero) return of(1);
    if (of(1) == Emptied::zero) return of(0);
    return Emptied::unknown;
  }
  if (node.op->name() == "Mul" || node.op->name() == "MatMul")
    return of(0) == Emptied::zero || of(1) == Emptied::zero ? Emptied::zero : Emptied::unknown;
  if (!keeps_zeros(graph, node)) return Emptied::unknown;
  for (std::size_t input = 0; input < node.inputs.size(); ++input) {
    const bool is_size = node.op->name() == "Expand" && input == 1;  // it says how many examples there are
    if (of(input) != Emptied::zero && !is_size) return Emptied::unknown;
  }
  return Emptied::zero;
}

/// What `value` is, made by these nodes of `input`, once their weights are zero.
Emptied emptied(const OperatorGraph& graph, const std::vector<std::size_t>& nodes, ValueIndex input, ValueIndex value) {
  std::map<ValueIndex, Emptied> known{{input, Emptied::input}};
  bool has_layer = false;
  for (const std::size_t place : nodes) {
    const Node& node = graph.nodes()[place];
    known[node.output] = emptied(graph, node, known);
    has_layer = has_layer || node.op->has(OperatorTrait::layer);
  }
  return has_layer ? known[value] : Emptied::unknown;
}

std::vector<RemovableBlock> marked_blocks(const OperatorGraph& graph) {
  std::vector<RemovableBlock> blocks;
  for (const Block& marked : graph.blocks()) {
    RemovableBlock block{marked.name, {}, marked.input, marked.output};
    for (std::size_t place = marked.first; place < marked.end; ++place) block.nodes.push_back(place);
    if (emptied(graph, block.nodes, block.input, block.output) == Emptied::input) blocks.push_back(std::move(block));
  }
  return blocks;
}

/// The nodes that make `branch` of `input` and of nothing else that is computed, which nothing but each other and the
/// node `sum` reads; none if it is made otherwise.
std::vector<std::size_t> nodes_between(const OperatorGraph& graph, ValueIndex input, ValueIndex branch,
                                       std::size_t sum) {
  const std::size_t maker = graph.maker(input);
  const std::size_t after = maker == graph.nodes().size() ? 0 : maker + 1;
  std::set<std::size_t> found;
  std::vector<std::size_t> open{graph.maker(branch)};
  bool reaches = false;
  while (!open.empty()) {
    const std::size_t place = open.back();
    open.pop_back();
    if (place == graph.nodes().size() || place < after) return {};
    if (!found.insert(place).second) continue;
    for (const ValueIndex read : graph.nodes()[place].inputs) {
      if (read == input) reaches = true;
      if (read == kNoValue || read == input) continue;
      const Value::Source source = graph.value(read).source;
      if (source != Value::Source::parameter && source != Value::Source::buffer) open.push_back(graph.maker(read));
    }
  }
  std::vector<std::size_t> nodes(found.begin(), found.end());
  const bool closed = std::ranges::all_of(nodes, [&](std::size_t place) {
    const ValueIndex made = graph.nodes()[place].output;
    return made != graph.output() && std::ranges::all_of(graph.readers(made), [&](std::size_t reader) {
             return reader == sum || std::ranges::binary_search(nodes, reader);
           });
  });
  return reaches && closed ? nodes : std::vector<std::size_t>{};
}

std::optional<RemovableBlock> block_of_sum(const OperatorGraph& graph, std::size_t sum) {
  const Node& node = graph.nodes()[sum];
  if (!node.op->has(OperatorTrait::sum)) return std::nullopt;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    const ValueIndex input = node.inputs[side], branch = node.inputs[1 - side];
    const bool same = graph.value(input).dims == graph.value(node.output).dims &&
                      graph.value(branch).dims == graph.value(node.output).dims;
    if (!same || graph.tensor(node, 0) != nullptr || graph.tensor(node, 1) != nullptr) continue;
    std::vector<std::size_t> nodes = nodes_between(graph, input, branch, sum);
    if (nodes.empty() || emptied(graph, nodes, input, branch) != Emptied::zero) continue;
    nodes.push_back(sum);
    return RemovableBlock{"", std::move(nodes), input, node.output};
  }
  return std::nullopt;
}

bool has_attention(const OperatorGraph& graph, const RemovableBlock& block) {
  return std::ranges::any_of(block.nodes, [&](std::size_t place) {
    const Node& node = graph.nodes()[place];
    const bool computed = graph.tensor(node, 0) == nullptr && graph.tensor(node, 1) == nullptr;
    return node.op->has(OperatorTrait::attention) || (node.op->name() == "MatMul" && computed);
  });
}

std::string first_layer(const OperatorGraph& graph, const RemovableBlock& block) {
  for (const std::size_t place : block.nodes) {
    if (graph.nodes()[place].op->has(OperatorTrait::layer)) return graph.nodes()[place].name;
  }
  return graph.nodes()[block.nodes.back()].name;
}

/// "layer1.0" of layer1.0.conv1 and layer1.0.conv2; the first layer's name where they have none in common.
std::string common_name(const OperatorGraph& graph, const RemovableBlock& block) {
  const std::string first = first_layer(graph, block);
  std::string common = first;
  for (const std::size_t place : block.nodes) {
    const Node& node = graph.nodes()[place];
    if (node.op->has(OperatorTrait::layer)) common.erase(std::ranges::mismatch(common, node.name).in1, common.end());
  }
  const std::size_t dot = common.rfind('.');
  return common == first || dot == std::string::npos || dot == 0 ? first : common.substr(0, dot);
}

/// Whether nothing but `next` reads what the block before it gives.
bool leads_to(const OperatorGraph& graph, const RemovableBlock& block, const RemovableBlock& next) {
  return block.output == next.input && std::ranges::all_of(graph.readers(block.output), [&](std::size_t reader) {
           return std::ranges::binary_search(next.nodes, reader);
         });
}

void name_blocks(const OperatorGraph& graph, std::vector<RemovableBlock>& blocks) {
  std::set<std::string> names;
  for (RemovableBlock& block : blocks) {
    block.name = common_name(graph, block);
    if (!names.insert(block.name).second) block.name = first_layer(graph, block);
    names.insert(block.name);
  }
}

std::vector<RemovableBlock> found_blocks(const OperatorGraph& graph) {
  std::vector<RemovableBlock> blocks;
  std::vector<bool> taken(graph.nodes().size(), false);
  bool goes_on = false;  // the last branch was an attention's
  for (std::size_t place = 0; place < graph.nodes().size(); ++place) {
    std::optional<RemovableBlock> block = block_of_sum(graph, place);
    if (!block || std::ranges::any_of(block->nodes, [&](std::size_t node) { return taken[node]; })) continue;
    for (const std::size_t node : block->nodes) taken[node] = true;
    const bool attends = has_attention(graph, *block);
    if (goes_on && leads_to(graph, blocks.back(), *block)) {
      RemovableBlock& layer = blocks.back();
      layer.nodes.insert(layer.nodes.end(), block->nodes.begin(), block->nodes.end());
      layer.output = block->output;
    } else {
      blocks.push_back(*std::move(block));
    }
    goes_on = attends;
  }
  name_blocks(graph, blocks);
  return blocks;
}

}  // namespace

std::vector<RemovableBlock> removable_blocks(const OperatorGraph& graph) {
  return graph.blocks().empty() ? found_blocks(graph) : marked_blocks(graph);
}

OperatorGraph without_blocks(const OperatorGraph& graph, const std::vector<RemovableBlock>& blocks) {
  GraphCopy copy(graph);
  for (std::size_t place = 0; place < graph.nodes().size(); ++place) {
    const auto around = std::ranges::find_if(
        blocks, [&](const RemovableBlock& block) { return std::ranges::binary_search(block.nodes, place); });
    if (around == blocks.end()) {
      copy.copy(graph.nodes()[place]);
    } else if (place == around->nodes.back()) {
      copy.replace(around->output, copy.at(around->input));
    }
  }
  return copy.finish();
}

}  // namespace espalier
