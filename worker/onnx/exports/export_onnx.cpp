#include "worker/onnx/exports/export_onnx.h"

#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <string_view>
#include <utility>

#include <ATen/ops/full.h>
#include <ATen/ops/triu.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "worker/onnx/exports/onnx_writer.h"

namespace espalier {
namespace {

using Integers = std::vector<std::int64_t>;
using Write = void (*)(OnnxWriter& to, const Node& node);

[[noreturn]] void refuse_export(const Node& node, const std::string& why) {
  throw Error(ErrorKind::invalid_input, "onnx: " + node.name + " (" + std::string(node.op->name()) + ") " + why);
}

Integers twice(const Integers& padding) {
  Integers both = padding;
  both.insert(both.end(), padding.begin(), padding.end());
  return both;
}

std::vector<std::string> inputs_of(const OnnxWriter& to, const Node& node) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) inputs.push_back(to.input(node, i));
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  return inputs;
}

/// Sizes for a Reshape: the batch's is whatever is left.
std::string shape_for(OnnxWriter& to, Integers sizes, std::int64_t batch) {
  if (batch >= 0) sizes[static_cast<std::size_t>(batch)] = -1;
  return to.numbers(sizes);
}

/// x * W^T + b over the last dimension.
void write_linear(OnnxWriter& to, const Node& node) {
  if (to.dims(node, 0).size() == 2) return to.put(node, "Gemm", inputs_of(to, node), {{"transB", std::int64_t{1}}});
  const std::string weight = to.add("Transpose", {to.input(node, 1)}, {{"perm", Integers{1, 0}}});
  if (!to.graph().has_input(node, 2)) return to.put(node, "MatMul", {to.input(node, 0), weight});
  to.put(node, "Add", {to.add("MatMul", {to.input(node, 0), weight}), to.input(node, 2)});
}

OnnxWriter::OnnxAttributes window_of(const Node& node) {
  return {{"strides", node.integers("strides")},
          {"pads", twice(node.integers("padding"))},
          {"dilations", node.integers("dilations")},
          {"group", node.integer("groups")}};
}

void write_conv(OnnxWriter& to, const Node& node) {
  to.put(node, "Conv", inputs_of(to, node), window_of(node));
}

void write_conv_transpose(OnnxWriter& to, const Node& node) {
  auto attributes = window_of(node);
  attributes.emplace_back("output_padding", node.integers("output_padding"));
  to.put(node, "ConvTranspose", inputs_of(to, node), attributes);
}

OnnxWriter::OnnxAttributes pool_of(const Node& node) {
  return {{"kernel_shape", node.integers("kernel")},
          {"strides", node.integers("strides")},
          {"pads", twice(node.integers("padding"))},
          {"ceil_mode", node.integer("round_up")}};
}

void write_max_pool(OnnxWriter& to, const Node& node) {
  auto attributes = pool_of(node);
  attributes.emplace_back("dilations", node.integers("dilations"));
  to.put(node, "MaxPool", {to.input(node, 0)}, attributes);
}

void write_average_pool(OnnxWriter& to, const Node& node) {
  auto attributes = pool_of(node);
  attributes.emplace_back("count_include_pad", node.integer("count_padding"));
  to.put(node, "AveragePool", {to.input(node, 0)}, attributes);
}

void write_adaptive_average_pool(OnnxWriter& to, const Node& node) {
  const Dims& dims = to.dims(node, 0);
  const Integers& sizes = node.integers("sizes");
  Integers kernel;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t size = dims[dims.size() - sizes.size() + i].size;
    if (sizes[i] < 1 || size % sizes[i] != 0)
      refuse_export(node, "averages parts of unequal sizes (" + std::to_string(size) + " to " +
                              std::to_string(sizes[i]) + "), which ONNX has no operator for");
    kernel.push_back(size / sizes[i]);
  }
  to.put(node, "AveragePool", {to.input(node, 0)}, {{"kernel_shape", kernel}, {"strides", kernel}});
}

std::int64_t channels_of(const OnnxWriter& to, const Node& node) {
  return to.dims(node, 0)[1].size;
}

std::string scale_of(OnnxWriter& to, const Node& node, std::int64_t count) {
  return to.graph().has_input(node, 1) ? to.input(node, 1) : to.filled(count, 1);
}

std::string shift_of(OnnxWriter& to, const Node& node, std::int64_t count) {
  return to.graph().has_input(node, 2) ? to.input(node, 2) : to.filled(count, 0);
}

void write_batch_norm(OnnxWriter& to, const Node& node) {
  const std::int64_t channels = channels_of(to, node);
  to.put(node, "BatchNormalization",
         {to.input(node, 0), scale_of(to, node, channels), shift_of(to, node, channels), to.input(node, 3),
          to.input(node, 4)},
         {{"epsilon", node.number("epsilon")}});
}

void write_layer_norm(OnnxWriter& to, const Node& node) {
  const Dims& dims = to.dims(node, 0);
  const auto count = static_cast<std::size_t>(node.integer("dims"));
  Integers sizes;
  for (std::size_t i = dims.size() - count; i < dims.size(); ++i) sizes.push_back(dims[i].size);
  std::vector<std::string> inputs{to.input(node, 0), to.graph().has_input(node, 1)
                                                         ? to.input(node, 1)
                                                         : to.tensor(at::full(sizes, 1.0, at::kFloat))};
  if (to.graph().has_input(node, 2)) inputs.push_back(to.input(node, 2));
  to.put(node, "LayerNormalization", inputs, {{"axis", -node.integer("dims")}, {"epsilon", node.number("epsilon")}});
}

void write_instance_norm(OnnxWriter& to, const Node& node) {
  const std::int64_t channels = channels_of(to, node);
  to.put(node, "InstanceNormalization", {to.input(node, 0), scale_of(to, node, channels), shift_of(to, node, channels)},
         {{"epsilon", node.number("epsilon")}});
}

/// The groups as channels of an instance norm, then scale and shift.
void write_group_norm(OnnxWriter& to, const Node& node) {
  const Dims& dims = to.dims(node, 0);
  const std::int64_t groups = node.integer("groups");
  const std::string grouped = to.add("Reshape", {to.input(node, 0), to.numbers({0, groups, -1})});
  std::string x = to.add("InstanceNormalization", {grouped, to.filled(groups, 1), to.filled(groups, 0)},
                         {{"epsilon", node.number("epsilon")}});
  Integers sizes, by_channel(dims.size() - 1, 1);
  for (const Dim& dim : dims) sizes.push_back(dim.size);
  by_channel[0] = dims[1].size;
  x = to.add("Reshape", {x, shape_for(to, sizes, 0)});
  const std::string scale = to.add("Reshape", {scale_of(to, node, dims[1].size), to.numbers(by_channel)});
  const std::string shift = to.add("Reshape", {shift_of(to, node, dims[1].size), to.numbers(by_channel)});
  to.put(node, "Add", {to.add("Mul", {x, scale}), shift});
}

void write_rms_norm(OnnxWriter& to, const Node& node) {
  const std::string x = to.input(node, 0);
  const std::string mean = to.add("ReduceMean", {to.add("Mul", {x, x})}, {{"axes", Integers{-1}}});
  const std::string root = to.add("Sqrt", {to.add("Add", {mean, to.number(node.number("epsilon"))})});
  if (!to.graph().has_input(node, 1)) return to.put(node, "Div", {x, root});
  to.put(node, "Mul", {to.add("Div", {x, root}), to.input(node, 1)});
}

/// [N, tokens, width] to [N, heads, tokens, width / heads].
std::string by_head(OnnxWriter& to, const std::string& x, const Dims& dims, std::int64_t heads,
                    const Integers& permutation) {
  const std::string split =
      to.add("Reshape", {x, to.numbers({-1, dims[1].size, heads, dims[2].size / std::max<std::int64_t>(heads, 1)})});
  return to.add("Transpose", {split}, {{"perm", permutation}});
}

void write_attention(OnnxWriter& to, const Node& node) {
  const std::int64_t heads = node.integer("heads"), shared = node.integer("key_value_heads");
  if (heads < 1) refuse_export(node, "has no heads left");
  const Dims &q = to.dims(node, 0), &k = to.dims(node, 1), &v = to.dims(node, 2);
  std::string keys = by_head(to, to.input(node, 1), k, shared, {0, 2, 3, 1});
  std::string values = by_head(to, to.input(node, 2), v, shared, {0, 2, 1, 3});
  if (shared != heads) {
    Integers head_of;
    for (std::int64_t head = 0; head < heads; ++head) head_of.push_back(head * shared / heads);
    keys = to.add("Gather", {keys, to.numbers(head_of)}, {{"axis", std::int64_t{1}}});
    values = to.add("Gather", {values, to.numbers(head_of)}, {{"axis", std::int64_t{1}}});
  }
  const std::string queries = by_head(to, to.input(node, 0), q, heads, {0, 2, 1, 3});
  std::string products = to.add("Div", {to.add("MatMul", {queries, keys}), to.number(node.number("divisor"))});
  if (node.integer("causal") != 0) {
    const at::Tensor later = at::full({q[1].size, k[1].size}, -std::numeric_limits<float>::infinity(), at::kFloat);
    products = to.add("Add", {products, to.tensor(at::triu(later, 1).nan_to_num(0, 0, -1e30))});
  }
  if (to.graph().has_input(node, 3)) products = to.add("Add", {products, to.input(node, 3)});
  const std::string mixed = to.add("MatMul", {to.add("Softmax", {products}, {{"axis", std::int64_t{-1}}}), values});
  const std::string side_by_side = to.add("Transpose", {mixed}, {{"perm", Integers{0, 2, 1, 3}}});
  to.put(node, "Reshape", {side_by_side, to.numbers({-1, q[1].size, v[2].size / shared * heads})});
}

void write_embedding(OnnxWriter& to, const Node& node) {
  to.put(node, "Gather", {to.input(node, 1), to.input(node, 0)});
}

void write_reshape(OnnxWriter& to, const Node& node) {
  to.put(node, "Reshape", {to.input(node, 0), shape_for(to, node.integers("sizes"), node.integer("batch"))});
}

void write_expand(OnnxWriter& to, const Node& node) {
  Integers sizes = node.integers("sizes");
  const std::int64_t batch = node.integer("batch");
  if (batch < 0 || node.inputs.size() < 2 || node.inputs[1] == kNoValue) {
    if (batch >= 0) sizes[static_cast<std::size_t>(batch)] = 1;
    return to.put(node, "Expand", {to.input(node, 0), to.numbers(sizes)});
  }
  const Dims& other = to.dims(node, 1);
  std::size_t at = 0;
  while (at < other.size() && !other[at].batch) ++at;
  const auto place = static_cast<std::size_t>(batch);
  const std::string examples = to.examples(to.input(node, 1), at, other[at].size);
  std::vector<std::string> pieces;
  const Integers before(sizes.begin(), sizes.begin() + batch), after(sizes.begin() + batch + 1, sizes.end());
  if (!before.empty()) pieces.push_back(to.numbers(before));
  pieces.push_back(sizes[place] == 1 ? examples : to.add("Mul", {examples, to.numbers({sizes[place]})}));
  if (!after.empty()) pieces.push_back(to.numbers(after));
  to.put(node, "Expand", {to.input(node, 0), to.add("Concat", pieces, {{"axis", std::int64_t{0}}})});
}

void write_transpose(OnnxWriter& to, const Node& node) {
  to.put(node, "Transpose", {to.input(node, 0)}, {{"perm", node.integers("permutation")}});
}

void write_concat(OnnxWriter& to, const Node& node) {
  to.put(node, "Concat", inputs_of(to, node), {{"axis", node.integer("dim")}});
}

void write_slice(OnnxWriter& to, const Node& node) {
  to.put(node, "Slice",
         {to.input(node, 0), to.numbers({node.integer("start")}), to.numbers({node.integer("end")}),
          to.numbers({node.integer("dim")}), to.numbers({node.integer("step")})});
}

void write_gather(OnnxWriter& to, const Node& node) {
  to.put(node, "Gather", {to.input(node, 0), to.numbers(node.integers("indices"))}, {{"axis", node.integer("dim")}});
}

void write_pad(OnnxWriter& to, const Node& node) {
  Integers pads = node.integers("before");
  pads.insert(pads.end(), node.integers("after").begin(), node.integers("after").end());
  to.put(node, "Pad", {to.input(node, 0), to.numbers(pads), to.number(node.number("value"))});
}

void write_resize(OnnxWriter& to, const Node& node) {
  const Integers& sizes = node.integers("sizes");
  const bool nearest = node.word("mode") == "nearest";
  const std::string transformation = nearest                              ? "asymmetric"
                                     : node.integer("align_corners") != 0 ? "align_corners"
                                                                          : "pytorch_half_pixel";
  const std::string before =
      to.add("Slice", {to.add("Shape", {to.input(node, 0)}), to.numbers({0}), to.numbers({2}), to.numbers({0})});
  const std::string shape = to.add("Concat", {before, to.numbers(sizes)}, {{"axis", std::int64_t{0}}});
  to.put(node, "Resize", {to.input(node, 0), "", "", shape},
         {{"mode", node.word("mode")},
          {"nearest_mode", std::string("floor")},
          {"coordinate_transformation_mode", transformation}});
}

void write_reduction(OnnxWriter& to, const Node& node) {
  to.put(node, std::string(node.op->name()).c_str(), {to.input(node, 0)},
         {{"axes", node.integers("dims")}, {"keepdims", node.integer("keep_dims")}});
}

void write_over_dim(OnnxWriter& to, const Node& node) {
  to.put(node, std::string(node.op->name()).c_str(), {to.input(node, 0)}, {{"axis", node.integer("dim")}});
}

void write_identity(OnnxWriter& to, const Node& node) {
  to.put(node, "Identity", {to.input(node, 0)});
}

/// x / 2 (1 + erf(x / sqrt 2)).
void write_gelu(OnnxWriter& to, const Node& node) {
  const std::string x = to.input(node, 0);
  const std::string erf = to.add("Erf", {to.add("Div", {x, to.number(std::numbers::sqrt2)})});
  to.put(node, "Mul", {to.add("Mul", {x, to.add("Add", {erf, to.number(1)})}), to.number(0.5)});
}

/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
void write_gelu_tanh(OnnxWriter& to, const Node& node) {
  const std::string x = to.input(node, 0);
  const std::string cube = to.add("Mul", {to.add("Mul", {to.add("Mul", {x, x}), x}), to.number(0.044715)});
  const std::string scaled = to.add("Mul", {to.add("Add", {x, cube}), to.number(std::sqrt(2 / std::numbers::pi))});
  const std::string tanh = to.add("Add", {to.add("Tanh", {scaled}), to.number(1)});
  to.put(node, "Mul", {to.add("Mul", {x, tanh}), to.number(0.5)});
}

void write_silu(OnnxWriter& to, const Node& node) {
  to.put(node, "Mul", {to.input(node, 0), to.add("Sigmoid", {to.input(node, 0)})});
}
void write_mish(OnnxWriter& to, const Node& node) {
  to.put(node, "Mul", {to.input(node, 0), to.add("Tanh", {to.add("Softplus", {to.input(node, 0)})})});
}
void write_hard_sigmoid(OnnxWriter& to, const Node& node) {
  to.put(node, "HardSigmoid", {to.input(node, 0)}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
}
void write_alpha(OnnxWriter& to, const Node& node) {
  to.put(node, std::string(node.op->name()).c_str(), {to.input(node, 0)}, {{"alpha", node.number("alpha")}});
}
void write_clip(OnnxWriter& to, const Node& node) {
  const auto bound = [&](const char* name) {
    return std::isfinite(node.number(name)) ? to.number(node.number(name)) : std::string();
  };
  to.put(node, "Clip", {to.input(node, 0), bound("min"), bound("max")});
}
void write_power(OnnxWriter& to, const Node& node) {
  to.put(node, "Pow", {to.input(node, 0), to.number(node.number("exponent"))});
}
void write_add_number(OnnxWriter& to, const Node& node) {
  to.put(node, "Add", {to.input(node, 0), to.number(node.number("number"))});
}
void write_multiply_number(OnnxWriter& to, const Node& node) {
  to.put(node, "Mul", {to.input(node, 0), to.number(node.number("number"))});
}

/// Where ONNX has the operator under the same name.
void write_alike(OnnxWriter& to, const Node& node) {
  to.put(node, std::string(node.op->name()).c_str(), inputs_of(to, node));
}

const std::map<std::string_view, Write>& writers() {
  static const std::map<std::string_view, Write> kWriters{
      {"Linear", write_linear},
      {"Conv", write_conv},
      {"ConvTranspose", write_conv_transpose},
      {"MatMul", write_alike},
      {"Attention", write_attention},
      {"Embedding", write_embedding},
      {"BatchNorm", write_batch_norm},
      {"LayerNorm", write_layer_norm},
      {"GroupNorm", write_group_norm},
      {"InstanceNorm", write_instance_norm},
      {"RmsNorm", write_rms_norm},
      {"MaxPool", write_max_pool},
      {"AveragePool", write_average_pool},
      {"AdaptiveAveragePool", write_adaptive_average_pool},
      {"ReduceMean", write_reduction},
      {"ReduceMax", write_reduction},
      {"ReduceL2", write_reduction},
      {"Reshape", write_reshape},
      {"Transpose", write_transpose},
      {"Concat", write_concat},
      {"Slice", write_slice},
      {"Gather", write_gather},
      {"Expand", write_expand},
      {"Pad", write_pad},
      {"Resize", write_resize},
      {"Softmax", write_over_dim},
      {"LogSoftmax", write_over_dim},
      {"Dropout", write_identity},
      {"ChannelDropout", write_identity},
      {"Relu", write_alike},
      {"Gelu", write_gelu},
      {"GeluTanh", write_gelu_tanh},
      {"Sigmoid", write_alike},
      {"Silu", write_silu},
      {"HardSigmoid", write_hard_sigmoid},
      {"HardSwish", write_alike},
      {"Mish", write_mish},
      {"Softplus", write_alike},
      {"Tanh", write_alike},
      {"LeakyRelu", write_alpha},
      {"Elu", write_alpha},
      {"Clip", write_clip},
      {"Exp", write_alike},
      {"Log", write_alike},
      {"Sqrt", write_alike},
      {"Reciprocal", write_alike},
      {"Abs", write_alike},
      {"Neg", write_alike},
      {"Erf", write_alike},
      {"Sin", write_alike},
      {"Cos", write_alike},
      {"Pow", write_power},
      {"AddNumber", write_add_number},
      {"MulNumber", write_multiply_number},
      {"Add", write_alike},
      {"Sub", write_alike},
      {"Mul", write_alike},
      {"Div", write_alike},
      {"Max", write_alike},
      {"Min", write_alike},
  };
  return kWriters;
}

}  // namespace

std::string export_onnx(const OperatorGraph& graph, const NamedTensors& tensors) {
  OnnxWriter writer(graph, tensors);
  for (const Node& node : graph.nodes()) {
    const auto write = writers().find(node.op->name());
    if (write == writers().end()) refuse_export(node, "has no counterpart in ONNX here");
    write->second(writer, node);
  }
  return writer.finish();
}

}  // namespace espalier
