#include "experiments/models/model_description.h"

#include <functional>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/models.h"

namespace espalier {
namespace {

constexpr std::int64_t kLargestSize = 1 << 20;   // of a channel count, a side or a number of classes
constexpr std::int64_t kLargestInput = 1 << 30;  // values of one example; so that every count here stays within 64 bits

/// {channels, height, width} of an image, {tokens, width} of a sequence, {n} of a flat vector.
using Shape = std::vector<std::int64_t>;

std::int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

[[noreturn]] void mismatch(const std::string& layer, std::int64_t takes, std::int64_t gets) {
  throw Error(ErrorKind::invalid_input,
              "model: " + layer + " takes " + std::to_string(takes) + " inputs, but gets " + std::to_string(gets));
}

std::int64_t window_steps(const std::string& layer, std::int64_t side, std::int64_t kernel, std::int64_t stride) {
  if (side < kernel) {
    throw Error(ErrorKind::invalid_input, "model: " + layer + " has a window of " + std::to_string(kernel) +
                                              " pixels, but gets " + std::to_string(side) +
                                              "; the images are too small for this model");
  }
  return (side - kernel) / stride + 1;
}

/// Walks the layers with the shape of one example, and checks that each takes what the one before it gives.
class ShapeWalk {
 public:
  explicit ShapeWalk(const ModelDescription& model) : shape_(model.input.begin(), model.input.end()) {
    walk(model.ops);
    if (shape_.back() != model.classes || shape_.size() == 3)
      mismatch(model.name + "'s loss", model.classes, elements(shape_));
    if (producer_) layers[*producer_].is_output = true;
  }

  std::vector<PrunableLayer> layers;
  std::int64_t parameters = 0;
  LoneExample lone;

 private:
  void walk(const std::vector<Op>& ops) {
    for (const Op& one : ops) std::visit([this](const auto& op) { apply(op); }, one.op);
  }

  void apply(const LinearOp& layer) {
    // A flat vector may still have the shape {n, 1, 1} of the input.
    if (shape_.size() == 3 && shape_[1] == 1 && shape_[2] == 1) shape_.resize(1);
    if (shape_.size() == 3 || shape_.back() != layer.in) mismatch(layer.name, layer.in, elements(shape_));
    shape_.back() = layer.out;
    add(layer.name, {layer.out, layer.in}, layer.bias, elements(shape_) / layer.out);
  }
  void apply(const Conv2dOp& layer) {
    need_image(layer.name, layer.in);
    shape_ = {layer.out, window_steps(layer.name, shape_[1] + 2 * layer.padding, layer.kernel, layer.stride),
              window_steps(layer.name, shape_[2] + 2 * layer.padding, layer.kernel, layer.stride)};
    add(layer.name, {layer.out, layer.in, layer.kernel, layer.kernel}, layer.bias, shape_[1] * shape_[2]);
  }
  void apply(const MaxPool2dOp& layer) {
    need_image("a pooling", shape_[0]);
    shape_ = {shape_[0], window_steps("a pooling", shape_[1], layer.kernel, layer.stride),
              window_steps("a pooling", shape_[2], layer.kernel, layer.stride)};
  }
  void apply(const GlobalAvgPoolOp&) {
    need_image("a pooling", shape_[0]);
    shape_.resize(1);
  }
  void apply(const FlattenOp&) {
    shape_ = {elements(shape_)};
    producer_.reset();
  }
  void apply(const ReluOp& relu) {
    if (producer_ && layers[*producer_].activation.empty()) layers[*producer_].activation = relu.name;
  }
  void apply(const GeluOp&) { producer_.reset(); }
  void apply(const BatchNorm2dOp& norm) {
    need_image(norm.name, norm.channels);
    lone.batch_norm = true;
    if (shape_[1] * shape_[2] == 1 && lone.trouble.empty())
      lone.trouble = "batch norm " + norm.name + " would have one number of each channel";
    parameters += 2 * norm.channels;
    if (producer_) layers[*producer_].norm = norm.name;
  }
  void apply(const ResidualOp& residual) {
    const Shape before = shape_;
    walk(residual.body);
    const Shape after = std::exchange(shape_, before);
    producer_.reset();
    walk(residual.shortcut);
    if (shape_ != after) mismatch("the sum of " + residual.name, elements(after), elements(shape_));
    producer_.reset();  // what leaves the sum is no one layer's output
  }
  void apply(const BlockOp& block) { walk(block.body); }
  void apply(const RowsOp&) {
    need_image("a sequence of rows", shape_[0]);
    shape_ = {shape_[1], shape_[0] * shape_[2]};
  }
  void apply(const EmbeddingOp& embedding) {
    shape_ = {shape_[0], embedding.width};
    parameters += embedding.vocabulary * embedding.width;
  }
  void apply(const PositionOp& position) {
    need_tokens(position.name, position.width);
    if (shape_[0] != position.tokens) mismatch(position.name, position.tokens, shape_[0]);
    parameters += position.tokens * position.width;
  }
  void apply(const LayerNormOp& norm) {
    if (shape_.back() != norm.width) mismatch(norm.name, norm.width, shape_.back());
    parameters += 2 * norm.width;
    producer_.reset();
  }
  void apply(const AttentionOp& attention) {
    need_tokens(attention.name, attention.width);
    if (attention.heads < 1 || attention.width % attention.heads != 0)
      mismatch(attention.name + "'s heads", attention.heads, attention.width);
    for (const char* part : {".q", ".k", ".v", ".o"}) {
      add(attention.name + part, {attention.width, attention.width}, true, shape_[0]);
      layers.back().attention = attention.name;
    }
  }
  void apply(const MeanTokensOp&) {
    if (shape_.size() != 2) mismatch("a mean over tokens", 2, static_cast<std::int64_t>(shape_.size()));
    shape_ = {shape_[1]};
    producer_.reset();
  }

  void need_image(const std::string& layer, std::int64_t channels) const {
    if (shape_.size() != 3 || shape_[0] != channels) mismatch(layer, channels, shape_[0]);
  }
  void need_tokens(const std::string& layer, std::int64_t width) const {
    if (shape_.size() != 2 || shape_[1] != width) mismatch(layer, width, shape_.back());
  }

  /// A layer's weight is used once for each position of its output.
  void add(const std::string& name, std::vector<std::int64_t> weight_shape, bool bias, std::int64_t positions) {
    PrunableLayer layer;
    layer.name = name;
    layer.weights = elements(weight_shape);
    layer.shape = std::move(weight_shape);
    layer.madds = layer.weights * positions;
    layer.bias = bias;
    parameters += layer.weights + (bias ? layer.shape[0] : 0);
    producer_ = layers.size();
    layers.push_back(std::move(layer));
  }

  Shape shape_;
  std::optional<std::size_t> producer_;  // of the present channels, as long as nothing else is mixed in
};

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
std::vector<PrunableLayer> layers_of(const ScriptModel& script) {
  std::vector<PrunableLayer> layers;
  for (const ScriptModel::Layer& given : script.layers) {
    PrunableLayer& layer = layers.emplace_back();
    layer.name = given.name;
    layer.shape = given.shape;
    layer.weights = elements(given.shape);
    layer.madds = given.madds;
    layer.bias = given.bias;
    layer.is_output = given.is_output;
  }
  return layers;
}

void check_script(const ScriptModel& script) {
  std::int64_t weights = 0;
  bool good = !script.layers.empty();
  for (const ScriptModel::Layer& layer : script.layers) {
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

ModelDescription describe_model(const ModelSpec& spec) {
  check_sizes(spec);
  if (spec.script) {
    check_script(*spec.script);
    return {spec.name, spec.input, spec.classes, {}, spec.script};
  }
  ModelDescription model = describe_unchecked(spec);
  ShapeWalk{model};
  return model;
}

std::vector<PrunableLayer> prunable_layers(const ModelDescription& model) {
  if (model.script) return layers_of(*model.script);
  return ShapeWalk(model).layers;
}

ModelCounts count_model(const ModelDescription& model) {
  ModelCounts counts;
  counts.parameters = model.script ? model.script->parameters : ShapeWalk(model).parameters;
  for (const PrunableLayer& layer : prunable_layers(model)) {
    counts.prunable += layer.weights;
    counts.madds += layer.madds;
  }
  return counts;
}

LoneExample lone_example(const ModelDescription& model) {
  if (model.script) return {model.script->lone_example, model.script->batch_norm};
  return ShapeWalk(model).lone;
}

}  // namespace espalier
