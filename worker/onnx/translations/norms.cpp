#include <ATen/ops/ones.h>

#include "worker/onnx/translations.h"

namespace espalier {
namespace {

/// ONNX keeps running = running momentum + batch (1 - momentum); torch and the graph the other way round.
void translate_batch_norm(OnnxNode& node) {
  const double momentum = 1 - node.attributes().number("momentum", 0.9);
  node.name_after(2);
  node.name_after(1);
  const ValueIndex x = node.value(0);
  const ValueIndex scale = node.parameter(1, ".weight", ParameterRole::scale);
  const ValueIndex shift = node.parameter(2, ".bias", ParameterRole::bias);
  const ValueIndex mean = node.buffer(3, ".running_mean");
  const ValueIndex variance = node.buffer(4, ".running_var");
  for (std::size_t output = 3; output < node.outputs(); ++output) {
    if (node.gives(output)) node.network().remarks.insert("what batch norms save for their gradients is left out");
  }
  node.give(node.add("BatchNorm", {x, scale, shift, mean, variance},
                     {{"epsilon", node.attributes().number("epsilon", 1e-5)}, {"momentum", momentum}}));
}

void translate_layer_norm(OnnxNode& node) {
  node.name_after(2);
  node.name_after(1);
  const ValueIndex x = node.value(0);
  const std::size_t rank = node.dims_of(x).size();
  const std::size_t first = node.axis(node.attributes().integer("axis", -1), rank);
  for (std::size_t output = 1; output < node.outputs(); ++output) {
    if (node.gives(output) && node.network().is_read(node.proto_output(output)))
      node.refuse("gives its mean or variance");
  }
  const ValueIndex scale = node.parameter(1, ".weight", ParameterRole::scale);
  const ValueIndex shift = node.has(2) ? node.parameter(2, ".bias", ParameterRole::bias) : kNoValue;
  node.give(node.add(
      "LayerNorm", {x, scale, shift},
      {{"dims", static_cast<std::int64_t>(rank - first)}, {"epsilon", node.attributes().number("epsilon", 1e-5)}}));
}

void translate_instance_norm(OnnxNode& node) {
  node.name_after(2);
  node.name_after(1);
  const ValueIndex x = node.value(0);
  const ValueIndex scale = node.parameter(1, ".weight", ParameterRole::scale);
  const ValueIndex shift = node.parameter(2, ".bias", ParameterRole::bias);
  node.give(node.add("InstanceNorm", {x, scale, shift}, {{"epsilon", node.attributes().number("epsilon", 1e-5)}}));
}

/// Up to opset 20 scale and shift are a number for each group, from 21 on for each channel.
void translate_group_norm(OnnxNode& node) {
  const std::int64_t groups = node.attributes().integer("num_groups", 0);
  node.name_after(2);
  node.name_after(1);
  const ValueIndex x = node.value(0);
  const Dims& dims = node.dims_of(x);
  const std::int64_t channels = dims.size() < 2 ? 0 : dims[1].size;
  if (groups < 1 || channels % groups != 0)
    node.refuse("has " + std::to_string(groups) + " groups of " + to_string(dims));
  const auto of_channels = [&](std::size_t input, const char* suffix, ParameterRole role) {
    const std::optional<at::Tensor> tensor = node.tensor(input);
    if (!tensor) node.refuse("computes its scale or shift");
    const bool spread = tensor->numel() == groups && groups != channels;
    return node.parameter(input, suffix, spread ? tensor->repeat_interleave(channels / groups) : *tensor, role);
  };
  const ValueIndex scale = of_channels(1, ".weight", ParameterRole::scale);
  const ValueIndex shift = of_channels(2, ".bias", ParameterRole::bias);
  node.give(node.add("GroupNorm", {x, scale, shift},
                     {{"groups", groups}, {"epsilon", node.attributes().number("epsilon", 1e-5)}}));
}

}  // namespace

const OnnxTranslations& onnx_norm_translations() {
  static const OnnxTranslations kAll{{"BatchNormalization", translate_batch_norm},
                                     {"LayerNormalization", translate_layer_norm},
                                     {"InstanceNormalization", translate_instance_norm},
                                     {"GroupNormalization", translate_group_norm}};
  return kAll;
}

}  // namespace espalier
