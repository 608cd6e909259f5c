#include <algorithm>
#include <cmath>
#include <limits>
#include <onnx/onnx_pb.h>

#include "worker/onnx/translations.h"

namespace espalier {
namespace {

constexpr double kNoBound = std::numeric_limits<float>::max();

/// A function of one number that the graph has under the same name, without attributes.
void translate_same(OnnxNode& node) {
  node.give_rows(node.add(node.proto().op_type(), {node.rows(0)}), 0);
}

void translate_leaky_relu(OnnxNode& node) {
  node.give(node.add("LeakyRelu", {node.value(0)}, {{"alpha", node.attributes().number("alpha", 0.01)}}));
}

void translate_elu(OnnxNode& node) {
  node.give(node.add("Elu", {node.value(0)}, {{"alpha", node.attributes().number("alpha", 1)}}));
}

/// Klambauer et al. 2017, arXiv:1706.02515.
void translate_selu(OnnxNode& node) {
  const double alpha = node.attributes().number("alpha", 1.67326319217681884765625);
  const double gamma = node.attributes().number("gamma", 1.05070102214813232421875);
  node.give(node.multiply(node.add("Elu", {node.value(0)}, {{"alpha", alpha}}), gamma));
}

double bound_of(const OnnxNode& node, const char* attribute, std::size_t input, double otherwise) {
  if (!node.has(input)) return node.attributes().number(attribute, otherwise);
  const std::optional<double> number = node.number(input);
  if (!number) node.refuse("computes its bounds");
  return std::clamp(*number, -kNoBound, kNoBound);
}

void translate_clip(OnnxNode& node) {
  node.give(node.add("Clip", {node.value(0)},
                     {{"min", bound_of(node, "min", 1, -kNoBound)}, {"max", bound_of(node, "max", 2, kNoBound)}}));
}

void translate_hard_sigmoid(OnnxNode& node) {
  const double alpha = node.attributes().number("alpha", 0.2), beta = node.attributes().number("beta", 0.5);
  const ValueIndex x = node.value(0);
  if (std::abs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) return node.give(node.add("HardSigmoid", {x}));
  node.give(node.add("Clip", {node.add_number(node.multiply(x, alpha), beta)}, {{"min", 0.0}, {"max", 1.0}}));
}

void translate_gelu(OnnxNode& node) {
  const std::string form = node.attributes().word("approximate", "none");
  node.give(node.add(form == "tanh" ? "GeluTanh" : "Gelu", {node.value(0)}));
}

/// max(x, 0) - slope max(-x, 0), the slope trained.
void translate_prelu(OnnxNode& node) {
  node.name_after(1);
  const ValueIndex x = node.value(0);
  const ValueIndex slope = node.parameter(1, ".weight", ParameterRole::other);
  const ValueIndex negative = node.add("Relu", {node.add("Neg", {x})});
  node.give(node.add("Sub", {node.add("Relu", {x}), node.add("Mul", {negative, slope})}));
}

/// x / (1 + |x|).
void translate_softsign(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(node.add("Div", {x, node.add_number(node.add("Abs", {x}), 1)}));
}

void translate_pow(OnnxNode& node) {
  const std::optional<double> exponent = node.number(1);
  if (!exponent) node.refuse("computes its exponent");
  node.give(node.add("Pow", {node.value(0)}, {{"exponent", *exponent}}));
}

void translate_dropout(OnnxNode& node) {
  double probability = node.attributes().number("ratio", 0.5);
  if (node.has(1)) {
    const std::optional<double> number = node.number(1);
    if (!number) node.refuse("computes its probability");
    probability = *number;
  }
  if (node.outputs() > 1 && node.gives(1) && node.network().is_read(node.proto_output(1)))
    node.refuse("gives what it drops");
  node.give(node.add("Dropout", {node.value(0)}, {{"probability", probability}}));
}

void translate_identity(OnnxNode& node) {
  OnnxValue value = node.input_value(0);
  // An exporter keeps equal tensors once, and names the others by Identity: they are trained each for itself.
  if (!value.trained.empty()) {
    value.trained = node.proto_output(0);
    value.constant = OnnxConstant(value.constant.tensor.clone());
    value.value = kNoValue;
  }
  node.give(value);
}

void translate_cast(OnnxNode& node) {
  using onnx::TensorProto;
  const std::int64_t to = node.attributes().integer("to", 0);
  const bool to_number = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16 ||
                         to == TensorProto::BFLOAT16;
  const OnnxValue& value = node.input_value(0);
  const bool is_number =
      value.value == kNoValue || node.network().builder().graph().value(value.value).type == ValueType::number;
  if (to_number != is_number) node.refuse("makes integers of numbers, or numbers of integers");
  if (to == TensorProto::FLOAT16 || to == TensorProto::BFLOAT16)
    node.network().remarks.insert("what the file computes in 16 bits is computed in float32");
  node.give(value);
}

/// Whether an input is one number that the other one's shape does not change by.
std::optional<double> lone_number(OnnxNode& node, std::size_t input, std::size_t beside) {
  const std::optional<double> number = node.number(input);
  if (!number || node.dims(input).size() > std::max<std::size_t>(node.dims(beside).size(), 1)) return std::nullopt;
  return number;
}

void translate_add(OnnxNode& node) {
  if (const auto number = lone_number(node, 1, 0)) return node.give_rows(node.add_number(node.rows(0), *number), 0);
  if (const auto number = lone_number(node, 0, 1)) return node.give_rows(node.add_number(node.rows(1), *number), 1);
  if (node.seen(0) && node.dims(1).size() == 1)
    return node.give_rows(node.add("Add", {node.rows(0), node.value(1)}), 0);
  if (node.seen(1) && node.dims(0).size() == 1)
    return node.give_rows(node.add("Add", {node.value(0), node.rows(1)}), 1);
  node.give(node.add("Add", {node.value(0), node.value(1)}));
}

void translate_sub(OnnxNode& node) {
  if (const auto number = lone_number(node, 1, 0)) return node.give(node.add_number(node.value(0), -*number));
  if (const auto number = lone_number(node, 0, 1))
    return node.give(node.add_number(node.add("Neg", {node.value(1)}), *number));
  node.give(node.add("Sub", {node.value(0), node.value(1)}));
}

void translate_mul(OnnxNode& node) {
  if (const auto number = lone_number(node, 1, 0)) return node.give(node.multiply(node.value(0), *number));
  if (const auto number = lone_number(node, 0, 1)) return node.give(node.multiply(node.value(1), *number));
  node.give(node.add("Mul", {node.value(0), node.value(1)}));
}

void translate_div(OnnxNode& node) {
  if (const auto number = lone_number(node, 1, 0); number && *number != 0)
    return node.give(node.multiply(node.value(0), 1 / *number));
  if (const auto number = lone_number(node, 0, 1))
    return node.give(node.multiply(node.add("Reciprocal", {node.value(1)}), *number));
  node.give(node.add("Div", {node.value(0), node.value(1)}));
}

/// Of any number of inputs, one after the other.
template <typename Combine>
void translate_all(OnnxNode& node, Combine combine) {
  ValueIndex result = node.value(0);
  for (std::size_t i = 1; i < node.inputs(); ++i) result = combine(result, i);
  node.give(result);
}

void translate_sum(OnnxNode& node) {
  translate_all(node, [&](ValueIndex sum, std::size_t i) { return node.add("Add", {sum, node.value(i)}); });
}

void translate_mean(OnnxNode& node) {
  ValueIndex sum = node.value(0);
  for (std::size_t i = 1; i < node.inputs(); ++i) sum = node.add("Add", {sum, node.value(i)});
  node.give(node.multiply(sum, 1 / static_cast<double>(node.inputs())));
}

void translate_max(OnnxNode& node) {
  translate_all(node, [&](ValueIndex result, std::size_t i) {
    if (const auto least = lone_number(node, i, 0))
      return node.add("Clip", {result}, {{"min", *least}, {"max", kNoBound}});
    return node.add("Max", {result, node.value(i)});
  });
}

void translate_min(OnnxNode& node) {
  translate_all(node, [&](ValueIndex result, std::size_t i) {
    if (const auto most = lone_number(node, i, 0))
      return node.add("Clip", {result}, {{"min", -kNoBound}, {"max", *most}});
    return node.add("Min", {result, node.value(i)});
  });
}

}  // namespace

const OnnxTranslations& onnx_function_translations() {
  static const OnnxTranslations kAll{{"Relu", translate_same},
                                     {"Sigmoid", translate_same},
                                     {"HardSwish", translate_same},
                                     {"Mish", translate_same},
                                     {"Softplus", translate_same},
                                     {"Tanh", translate_same},
                                     {"Erf", translate_same},
                                     {"Exp", translate_same},
                                     {"Log", translate_same},
                                     {"Sqrt", translate_same},
                                     {"Reciprocal", translate_same},
                                     {"Abs", translate_same},
                                     {"Neg", translate_same},
                                     {"Sin", translate_same},
                                     {"Cos", translate_same},
                                     {"LeakyRelu", translate_leaky_relu},
                                     {"Elu", translate_elu},
                                     {"Selu", translate_selu},
                                     {"Clip", translate_clip},
                                     {"HardSigmoid", translate_hard_sigmoid},
                                     {"Gelu", translate_gelu},
                                     {"PRelu", translate_prelu},
                                     {"Softsign", translate_softsign},
                                     {"Pow", translate_pow},
                                     {"Dropout", translate_dropout},
                                     {"Identity", translate_identity},
                                     {"Cast", translate_cast},
                                     {"Add", translate_add},
                                     {"Sub", translate_sub},
                                     {"Mul", translate_mul},
                                     {"Div", translate_div},
                                     {"Sum", translate_sum},
                                     {"Mean", translate_mean},
                                     {"Max", translate_max},
                                     {"Min", translate_min}};
  return kAll;
}

}  // namespace espalier
