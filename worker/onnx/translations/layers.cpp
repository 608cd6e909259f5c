#include <algorithm>
#include <onnx/onnx_pb.h>

#include "worker/onnx/onnx_window.h"
#include "worker/onnx/translations.h"

namespace espalier {
namespace {

at::Tensor layer_weight(const OnnxNode& node, std::size_t input) {
  const std::optional<at::Tensor> weight = node.tensor(input);
  if (!weight) node.refuse("computes its weight, which should be a tensor of the file");
  if (!weight->is_floating_point()) node.refuse("has a weight of integers");
  return *weight;
}

void name_layer(OnnxNode& node, std::size_t weight, std::size_t bias) {
  node.name_after(bias);
  node.name_after(weight);
}

void translate_conv(OnnxNode& node) {
  const at::Tensor weight = layer_weight(node, 1);
  name_layer(node, 1, 2);
  ValueIndex x = node.value(0);
  if (weight.dim() < 3) node.refuse("has a weight of too few dimensions");
  OnnxWindow window = window_of(node, weight.sizes().slice(2).vec(), node.dims_of(x));
  if (!window.same_on_both_sides()) x = padded(node, x, window, 0);
  const ValueIndex w = node.parameter(1, ".weight", weight, ParameterRole::weight);
  const ValueIndex b = node.has(2) ? node.parameter(2, ".bias", ParameterRole::bias) : kNoValue;
  node.give(node.add("Conv", {x, w, b},
                     {{"strides", window.strides},
                      {"padding", window.before},
                      {"dilations", window.dilations},
                      {"groups", node.attributes().integer("group", 1)}}));
}

/// What is cut of the result: `pads`, which may be given by the size it shall have, and auto_pad.
void translate_conv_transpose(OnnxNode& node) {
  const at::Tensor weight = layer_weight(node, 1);
  name_layer(node, 1, 2);
  const ValueIndex x = node.value(0);
  if (weight.dim() < 3) node.refuse("has a weight of too few dimensions");
  if (node.attributes().word("auto_pad", "NOTSET") != "NOTSET" || node.attributes().has("output_shape"))
    node.refuse("is told the size of its result instead of its padding");
  OnnxWindow window = window_of(node, weight.sizes().slice(2).vec(), node.dims_of(x));
  std::vector<std::int64_t> more = node.attributes().integers("output_padding");
  if (more.empty()) more.assign(window.kernel.size(), 0);
  // Less is cut at the end where the padding is less there: as much more is put on.
  for (std::size_t i = 0; i < more.size() && i < window.before.size(); ++i) {
    more[i] += window.before[i] - window.after[i];
    if (more[i] < 0 || more[i] >= std::max(window.strides[i], window.dilations[i]))
      node.refuse("has paddings that differ by more than a stride");
  }
  if (more.size() != window.kernel.size()) node.refuse("has an output padding of other dimensions than its input");
  const ValueIndex w = node.parameter(1, ".weight", weight, ParameterRole::weight);
  const ValueIndex b = node.has(2) ? node.parameter(2, ".bias", ParameterRole::bias) : kNoValue;
  node.give(node.add("ConvTranspose", {x, w, b},
                     {{"strides", window.strides},
                      {"padding", window.before},
                      {"dilations", window.dilations},
                      {"output_padding", more},
                      {"groups", node.attributes().integer("group", 1)}}));
}

/// x W^T + b, the weight as [out, in] and the bias of any shape that is one number an output.
void give_linear(OnnxNode& node, const at::Tensor& matrix, ValueIndex bias) {
  const ValueIndex w = node.parameter(1, ".weight", matrix, ParameterRole::weight);
  node.give_rows(node.add("Linear", {node.rows(0), w, bias}), 0);
}

void translate_product(OnnxNode& node, double alpha, double beta, bool turn_first, bool turn_second) {
  const auto matrix = [&](std::size_t input, bool turn) {
    const ValueIndex x = node.value(input);
    if (node.dims_of(x).size() != 2) node.refuse("takes " + to_string(node.dims_of(x)) + ", which is no matrix");
    return turn ? node.add_beside("Transpose", {x}, {{"permutation", std::vector<std::int64_t>{1, 0}}}) : x;
  };
  ValueIndex result = node.multiply(node.add("MatMul", {matrix(0, turn_first), matrix(1, turn_second)}), alpha);
  if (node.has(2)) result = node.add("Add", {result, node.multiply(node.value(2), beta)});
  node.give(result);
}

void translate_gemm(OnnxNode& node) {
  const OnnxAttributes& attributes = node.attributes();
  const double alpha = attributes.number("alpha", 1), beta = attributes.number("beta", 1);
  const bool turn_first = attributes.integer("transA", 0) != 0, turn_second = attributes.integer("transB", 0) != 0;
  const std::optional<at::Tensor> weight = node.tensor(1), bias = node.has(2) ? node.tensor(2) : std::nullopt;
  const std::int64_t out = weight && weight->dim() == 2 ? weight->size(turn_second ? 0 : 1) : 0;
  const bool vector = bias && (bias->numel() == 1 || (bias->numel() == out && bias->size(-1) == out));
  const bool layer =
      weight && weight->dim() == 2 && weight->is_floating_point() && !turn_first && node.dims(0).size() == 2;
  if (!layer || (node.has(2) && !vector)) return translate_product(node, alpha, beta, turn_first, turn_second);
  name_layer(node, 1, 2);
  ValueIndex b = kNoValue;
  if (vector) {
    const at::Tensor spread = bias->numel() == 1 && out != 1 ? bias->reshape({1}).repeat({out}) : bias->reshape({out});
    b = node.parameter(2, ".bias", beta == 1 ? spread : spread.mul(beta), ParameterRole::bias);
  }
  const at::Tensor matrix = turn_second ? *weight : weight->t();
  give_linear(node, alpha == 1 ? matrix : matrix.mul(alpha), b);
}

/// The node that alone reads a product, if it adds a vector of the file to it: a linear layer's bias.
const onnx::NodeProto* bias_adder(OnnxNode& node, std::int64_t out, std::string& bias) {
  const onnx::NodeProto* adder = node.network().only_reader(node.proto().output(0));
  if (adder == nullptr || adder->op_type() != "Add" || adder->input_size() != 2) return nullptr;
  bias = adder->input(adder->input(0) == node.proto().output(0) ? 1 : 0);
  const auto found = node.network().values.find(bias);
  if (found == node.network().values.end()) return nullptr;
  const OnnxConstant& constant = found->second.constant;
  const bool fits = constant.defined() && !constant.depends_on_batch() && constant.tensor.is_floating_point() &&
                    constant.tensor.dim() == 1 && constant.tensor.size(0) == out;
  return fits ? adder : nullptr;
}

void translate_matmul(OnnxNode& node) {
  const std::optional<at::Tensor> weight = node.tensor(1);
  const bool layer = weight && weight->dim() == 2 && weight->is_floating_point() && !node.tensor(0);
  if (!layer) return node.give(node.add("MatMul", {node.value(0), node.value(1)}));
  std::string bias;
  const onnx::NodeProto* adder = bias_adder(node, weight->size(1), bias);
  if (adder != nullptr) node.name_after(node.network().values.at(bias).trained);
  node.name_after(1);
  ValueIndex b = kNoValue;
  if (adder != nullptr) {
    const OnnxValue& value = node.network().values.at(bias);
    b = node.network().add_parameter(value.trained.empty() ? node.name() + ".bias" : value.trained,
                                     value.constant.tensor, ParameterRole::bias);
  }
  give_linear(node, weight->t(), b);
  if (adder == nullptr) return;
  node.network().done.insert(adder);
  node.network().values[adder->output(0)] = node.network().values[node.proto_output(0)];
}

}  // namespace

const OnnxTranslations& onnx_layer_translations() {
  static const OnnxTranslations kAll{{"Conv", translate_conv},
                                     {"ConvTranspose", translate_conv_transpose},
                                     {"Gemm", translate_gemm},
                                     {"MatMul", translate_matmul}};
  return kAll;
}

}  // namespace espalier
