#include "experiments/models/model_description.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/models.h"

namespace espalier {
namespace {

constexpr std::int64_t kLargestSize = 1 << 20;   // of a channel count, a side or a number of classes
constexpr std::int64_t kLargestInput = 1 << 30;  // values of one example; so that every count here stays within 64 bits

bool has_scale(const OperatorGraph& graph, const Node& norm) {
  const Value* scale = graph.tensor(norm, 1);
  return scale != nullptr && scale->source == Value::Source::parameter && scale->name == norm.name + ".weight";
}

/// Where dimension `dim` of what a node reads is in what it makes, of channels that are neither mixed nor moved within
/// it; none for other nodes.
std::optional<std::size_t> followed_dim(const Node& node, std::size_t dim) {
  if (node.op->has(OperatorTrait::function) || node.op->name() == "Dropout") return dim;
  if (node.op->name() == "Transpose") {
    const auto& permutation = node.integers("permutation");
    const auto place = std::ranges::find(permutation, static_cast<std::int64_t>(dim));
    return static_cast<std::size_t>(place - permutation.begin());
  }
  if (node.op->has(OperatorTrait::per_channel)) return dim == 1 ? std::optional(dim) : std::nullopt;
  if (node.op->name() != "ReduceMean") return std::nullopt;
  std::size_t before = 0;
  for (const std::int64_t reduced : node.integers("dims")) {
    if (static_cast<std::size_t>(reduced) == dim) return std::nullopt;
    if (static_cast<std::size_t>(reduced) < dim && node.integer("keep_dims") == 0) ++before;
  }
  return dim - before;
}

/// What follows a layer as long as its channels stay as they are and nothing else is mixed in.
void follow_output(const OperatorGraph& graph, const Node& node, PrunableLayer& layer) {
  ValueIndex value = node.output;
  std::size_t dim = layer.is_conv() ? 1 : graph.value(value).dims.size() - 1;
  bool as_it_was = true;
  while (graph.readers(value).size() == 1 && as_it_was) {
    const Node& reader = graph.nodes()[graph.readers(value)[0]];
    const std::optional<std::size_t> followed = followed_dim(reader, dim);
    if (reader.inputs[0] != value || !followed) return;
    dim = *followed;
    if (reader.op->has(OperatorTrait::batch_norm) && has_scale(graph, reader)) layer.norm = reader.name;
    if (reader.op->has(OperatorTrait::relu) && layer.activation.empty()) {
      layer.activation = reader.name;
      layer.activation_dim = dim;
    }
    as_it_was = reader.op->has(OperatorTrait::relu) || !reader.op->has(OperatorTrait::function);
    value = reader.output;
  }
}

/// By ValueIndex: whether a layer reads what is made of the value.
std::vector<bool> read_by_layers(const OperatorGraph& graph) {
  std::vector<bool> read(graph.values().size(), false);
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    for (const ValueIndex input : node->inputs) {
      if (input != kNoValue && (node->op->has(OperatorTrait::layer) || read[node->output])) read[input] = true;
    }
  }
  return read;
}

/// The attention that a layer computes queries, keys or values for, or whose heads it reads.
std::string attention_of(const OperatorGraph& graph, const Node& node) {
  const std::size_t maker = graph.maker(node.inputs[0]);
  if (maker < graph.nodes().size() && graph.nodes()[maker].op->has(OperatorTrait::attention))
    return graph.nodes()[maker].name;
  for (const std::size_t reader : graph.readers(node.output)) {
    if (graph.nodes()[reader].op->has(OperatorTrait::attention)) return graph.nodes()[reader].name;
  }
  return "";
}

bool is_prunable(const OperatorGraph& graph, const Node& node) {
  const Value* weight = node.op->has(OperatorTrait::layer) ? graph.tensor(node, 1) : nullptr;
  return weight != nullptr && weight->role == ParameterRole::weight;
}

std::vector<PrunableLayer> layers_of(const OperatorGraph& graph) {
  std::vector<PrunableLayer> layers;
  std::map<ValueIndex, std::size_t> places;  // by weight
  const std::vector<bool> read = read_by_layers(graph);
  for (const Node& node : graph.nodes()) {
    if (!is_prunable(graph, node)) continue;
    const auto [place, is_new] = places.emplace(node.inputs[1], layers.size());
    if (!is_new) {
      layers[place->second].madds += node.op->madds(graph, node).layer;
      continue;
    }
    PrunableLayer& layer = layers.emplace_back();
    layer.name = node.name;
    layer.shape = sizes_of(graph.dims(node, 1));
    layer.weights = elements(graph.dims(node, 1));
    layer.madds = node.op->madds(graph, node).layer;
    layer.bias = graph.has_input(node, 2);
    layer.attention = attention_of(graph, node);
    layer.is_output = !read[node.output];
    layer.transposed = node.op->has(OperatorTrait::transposed);
    if (node.attributes.contains("groups")) layer.groups = node.integer("groups");
    if (graph.readers(node.inputs[1]).size() == 1) follow_output(graph, node, layer);
  }
  return layers;
}

LoneExample lone_example(const OperatorGraph& graph) {
  LoneExample lone;
  for (const Node& node : graph.nodes()) {
    if (!node.op->has(OperatorTrait::batch_norm)) continue;
    lone.batch_norm = true;
    const Dims& dims = graph.dims(node, 0);
    if (elements(dims) == dims[1].size && lone.trouble.empty())
      lone.trouble = "batch norm " + node.name + " would have one number of each channel";
  }
  return lone;
}

void check_logits(const ModelDescription& model) {
  const Dims& dims = model.graph->value(model.graph->output()).dims;
  const bool fits =
      (dims.size() == 2 || dims.size() == 3) && dims[0] == Dim{1, true} && dims.back() == Dim{model.classes};
  if (fits) return;
  throw Error(ErrorKind::invalid_input, "model: " + model.name + "'s loss takes " + std::to_string(model.classes) +
                                            " inputs, but gets " + std::to_string(elements(dims)));
}

void check_sizes(const ModelSpec& spec) {
  const auto [channels, height, width] = spec.input;
  bool good = true;
  for (const std::int64_t size : {channels, height, width, spec.classes})
    good = good && size >= 1 && size <= kLargestSize;
  if (good && channels * height * width <= kLargestInput) return;
  throw Error(ErrorKind::invalid_input, "model: no model takes an input of " + std::to_string(channels) + "x" +
                                            std::to_string(height) + "x" + std::to_string(width) + " with " +
                                            std::to_string(spec.classes) +
                                            " classes; every size is at least 1, and the input has at most " +
                                            std::to_string(kLargestInput) + " values");
}

ModelDescription describe_unchecked(const ModelSpec& spec) {
  const std::string_view name = find_model(spec.name).name;
#define ESPALIER_MODEL(suffix, text, sizes, images, about, paper) \
  if (name == text) return describe_##suffix(spec);
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL
  throw Error(ErrorKind::internal, "model " + spec.name + " is listed, but nothing describes it");
}

/// A TorchScript module has known layers, but not known connections.
std::vector<PrunableLayer> layers_of(const ModelFile& script) {
  std::vector<PrunableLayer> layers;
  for (const ModelFile::Layer& given : script.layers) {
    PrunableLayer& layer = layers.emplace_back();
    layer.name = given.name;
    layer.shape = given.shape;
    layer.weights = std::accumulate(given.shape.begin(), given.shape.end(), std::int64_t{1}, std::multiplies<>());
    layer.madds = given.madds;
    layer.bias = given.bias;
    layer.is_output = given.is_output;
  }
  return layers;
}

void check_script(const ModelFile& script) {
  std::int64_t weights = 0;
  bool good = !script.layers.empty();
  for (const ModelFile::Layer& layer : script.layers) {
    good = good && (layer.shape.size() == 2 || layer.shape.size() == 4);
    std::int64_t count = 1;
    for (const std::int64_t size : layer.shape) {
      good = good && size >= 1 && size <= script.parameters / count;
      count *= good ? size : 1;
    }
    weights += count;
    good = good && weights <= script.parameters;
  }
  if (good) return;
  throw Error(ErrorKind::invalid_input, "model: what is said of the TorchScript module's layers contradicts itself");
}

}  // namespace

ModelDescription described(const ModelSpec& spec, GraphBuilder& graph, ValueIndex logits) {
  ModelDescription model{spec.name, spec.input, spec.classes,
                         std::make_shared<const OperatorGraph>(graph.finish(logits))};
  check_logits(model);
  return model;
}

const Node& layer_node(const OperatorGraph& graph, const std::string& layer) {
  for (const Node& node : graph.nodes()) {
    if (node.name == layer && is_prunable(graph, node)) return node;
  }
  throw Error(ErrorKind::internal, "no layer is called " + layer);
}

bool takes_tokens(const ModelDescription& model) {
  return model.graph && model.graph->value(model.graph->input()).type == ValueType::index;
}

bool has_operator(const ModelDescription& model, OperatorTrait trait) {
  return model.graph &&
         std::ranges::any_of(model.graph->nodes(), [&](const Node& node) { return node.op->has(trait); });
}

ModelDescription describe_model(const ModelSpec& spec) {
  check_sizes(spec);
  if (spec.file) {
    if (!spec.file->is_graph) check_script(*spec.file);
    ModelDescription model{spec.name, spec.input, spec.classes, spec.file->graph, spec.file};
    if (model.graph) check_logits(model);
    return model;
  }
  return describe_unchecked(spec);
}

std::vector<PrunableLayer> prunable_layers(const ModelDescription& model) {
  return model.graph ? layers_of(*model.graph) : layers_of(*model.file);
}

ModelCounts count_model(const ModelDescription& model) {
  ModelCounts counts;
  if (!model.graph) counts.parameters = model.file->parameters;
  if (model.graph) {
    for (const Value& value : model.graph->values())
      counts.parameters += value.source == Value::Source::parameter ? elements(value.dims) : 0;
  }
  for (const PrunableLayer& layer : prunable_layers(model)) {
    counts.prunable += layer.weights;
    counts.madds += layer.madds;
  }
  return counts;
}

LoneExample lone_example(const ModelDescription& model) {
  if (model.graph) return lone_example(*model.graph);
  return {model.file->lone_example, model.file->batch_norm};
}

}  // namespace espalier
