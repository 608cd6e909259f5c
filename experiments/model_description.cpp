#include "experiments/model_description.h"

#include <string_view>

#include "base/error.h"
#include "base/suggest.h"
#include "experiments/models/models.h"

namespace espalier {
namespace {

constexpr std::int64_t kLargestSize = 1 << 20;   // of a channel count, a side or a number of classes
constexpr std::int64_t kLargestInput = 1 << 30;  // values of one example; so that every count here stays within 64 bits

/// Channels, height, width; a flat vector of n is {n, 1, 1}.
using Shape = std::array<std::int64_t, 3>;

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
  explicit ShapeWalk(const ModelDescription& model) : shape_(model.input) {
    for (const Op& op : model.ops) std::visit([this](const auto& layer) { apply(layer); }, op);
    if (shape_ != Shape{model.classes, 1, 1})
      mismatch(model.name + "'s loss", model.classes, shape_[0] * shape_[1] * shape_[2]);
  }

  std::vector<PrunableLayer> layers;
  std::int64_t parameters = 0;

 private:
  void apply(const LinearOp& layer) {
    if (shape_ != Shape{layer.in, 1, 1}) mismatch(layer.name, layer.in, shape_[0] * shape_[1] * shape_[2]);
    shape_ = {layer.out, 1, 1};
    add(layer.name, {layer.out, layer.in}, layer.bias);
  }
  void apply(const Conv2dOp& layer) {
    if (shape_[0] != layer.in) mismatch(layer.name, layer.in, shape_[0]);
    shape_ = {layer.out, window_steps(layer.name, shape_[1] + 2 * layer.padding, layer.kernel, layer.stride),
              window_steps(layer.name, shape_[2] + 2 * layer.padding, layer.kernel, layer.stride)};
    add(layer.name, {layer.out, layer.in, layer.kernel, layer.kernel}, layer.bias);
  }
  void apply(const MaxPool2dOp& layer) {
    shape_ = {shape_[0], window_steps("a pooling", shape_[1], layer.kernel, layer.stride),
              window_steps("a pooling", shape_[2], layer.kernel, layer.stride)};
  }
  void apply(const FlattenOp&) { shape_ = {shape_[0] * shape_[1] * shape_[2], 1, 1}; }
  void apply(const ReluOp&) {}

  /// A layer's weight is used once for each position of its output.
  void add(const std::string& name, std::vector<std::int64_t> weight_shape, bool bias) {
    PrunableLayer layer{name, std::move(weight_shape), 1, 0};
    for (const std::int64_t size : layer.shape) layer.weights *= size;
    layer.madds = layer.weights * shape_[1] * shape_[2];
    parameters += layer.weights + (bias ? layer.shape[0] : 0);
    layers.push_back(std::move(layer));
  }

  Shape shape_;
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
#define ESPALIER_MODEL(suffix, text, about, paper) \
  if (spec.name == text) return describe_##suffix(spec);
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL
  throw Error(ErrorKind::invalid_input, "model: " + unknown_name(spec.name, {
#define ESPALIER_MODEL(suffix, text, about, paper) text,
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL
                                                                            }));
}

}  // namespace

ModelDescription describe_model(const ModelSpec& spec) {
  check_sizes(spec);
  ModelDescription model = describe_unchecked(spec);
  ShapeWalk{model};
  return model;
}

std::vector<PrunableLayer> prunable_layers(const ModelDescription& model) {
  return ShapeWalk(model).layers;
}

ModelCounts count_model(const ModelDescription& model) {
  const ShapeWalk walk(model);
  ModelCounts counts{walk.parameters, 0, 0};
  for (const PrunableLayer& layer : walk.layers) {
    counts.prunable += layer.weights;
    counts.madds += layer.madds;
  }
  return counts;
}

}  // namespace espalier
