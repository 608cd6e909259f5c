#include <limits>

#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

/// The first argument, whatever it is called.
Lowered operand(CallLowering& call) {
  return call.tensor(call.takes("self") ? "self" : "input");
}

/// A function of every element by itself, which lets dimensions that are kept apart stay so.
void apply(CallLowering& call, std::string_view op, Attributes attributes = {}) {
  const Lowered x = operand(call);
  call.give({call.add(op, {x.value}, std::move(attributes)), x.dims});
}

void lower_gelu(CallLowering& call) {
  const bool rough = call.has("approximate") && call.word("approximate") == "tanh";
  apply(call, rough ? "GeluTanh" : "Gelu");
}

void lower_softplus(CallLowering& call) {
  if (call.number("beta") != 1) call.refuse("has a beta that is not 1");
  apply(call, "Softplus");
}

void lower_leaky_relu(CallLowering& call) {
  apply(call, "LeakyRelu", {{"alpha", call.number("negative_slope")}});
}

/// Of a value, element by element.
ValueIndex applied(CallLowering& call, std::string_view op, ValueIndex x) {
  return call.add(op, {x});
}

ValueIndex multiplied(CallLowering& call, ValueIndex x, double number) {
  return number == 1 ? x : call.add("MulNumber", {x}, {{"number", number}});
}

/// elu, selu and celu: scale x, or scale alpha (exp(s x) - 1) below zero, which is scale / s times elu of s x.
void lower_elu(CallLowering& call) {
  const double s = call.number("input_scale");
  const ValueIndex x = multiplied(call, call.value("self"), s);
  const ValueIndex y = call.add("Elu", {x}, {{"alpha", call.number("alpha") * s}});
  call.give(multiplied(call, y, call.number("scale") / s));
}

/// max(x, 0) - w max(-x, 0), with a slope for each channel or one for all.
void lower_prelu(CallLowering& call) {
  const ValueIndex x = call.value("self"), slope = call.value("weight");
  Dims channels(call.dims(x).size() > 1 ? call.dims(x).size() - 1 : 1, Dim{1});
  channels[0] = call.dims(slope)[0];
  const ValueIndex slopes = reshaped(call, {slope, call.dims(slope)}, channels).value;
  const ValueIndex below = applied(call, "Relu", applied(call, "Neg", x));
  call.give(call.add("Sub", {applied(call, "Relu", x), call.add("Mul", {below, slopes})}));
}

void lower_log_sigmoid(CallLowering& call) {
  call.give(applied(call, "Neg", applied(call, "Softplus", applied(call, "Neg", call.value("self")))));
}

/// The first half of a dimension, gated by the second.
void lower_glu(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  const std::int64_t size = call.dims(x)[dim].size;
  const ValueIndex gate = applied(call, "Sigmoid", sliced(call, x, dim, size / 2, size));
  call.give(call.add("Mul", {sliced(call, x, dim, 0, size / 2), gate}));
}

void clip(CallLowering& call, const char* low, const char* high) {
  constexpr double kMost = std::numeric_limits<float>::max();
  for (const char* bound : {low, high}) {
    if (call.is_tensor(bound)) call.refuse("has a bound that is a tensor");
  }
  apply(call, "Clip",
        {{"min", call.has(low) ? call.number(low) : -kMost}, {"max", call.has(high) ? call.number(high) : kMost}});
}

void lower_clamp(CallLowering& call) {
  clip(call, "min", "max");
}

void lower_hardtanh(CallLowering& call) {
  clip(call, "min_val", "max_val");
}

void lower_pow(CallLowering& call) {
  if (call.is_tensor("exponent") || !call.is_tensor("self")) call.refuse("has an exponent that is a tensor");
  apply(call, "Pow", {{"exponent", call.number("exponent")}});
}

void lower_rsqrt(CallLowering& call) {
  apply(call, "Pow", {{"exponent", -0.5}});
}

void lower_square(CallLowering& call) {
  apply(call, "Pow", {{"exponent", 2.0}});
}

/// dropout, and feature_dropout, which drops channels.
void lower_dropout(CallLowering& call) {
  const Lowered x = operand(call);
  const bool channels = call.name().starts_with("aten::feature");
  const double probability = call.number("p");
  if (probability == 0) {
    call.give(x);
    return;
  }
  call.give({call.add(channels ? "ChannelDropout" : "Dropout", {x.value}, {{"probability", probability}}), x.dims});
}

}  // namespace

const Translations& function_translations() {
  static const Translations kAll{
      {"aten::relu", [](CallLowering& call) { apply(call, "Relu"); }},
      {"aten::sigmoid", [](CallLowering& call) { apply(call, "Sigmoid"); }},
      {"aten::silu", [](CallLowering& call) { apply(call, "Silu"); }},
      {"aten::hardsigmoid", [](CallLowering& call) { apply(call, "HardSigmoid"); }},
      {"aten::hardswish", [](CallLowering& call) { apply(call, "HardSwish"); }},
      {"aten::mish", [](CallLowering& call) { apply(call, "Mish"); }},
      {"aten::tanh", [](CallLowering& call) { apply(call, "Tanh"); }},
      {"aten::exp", [](CallLowering& call) { apply(call, "Exp"); }},
      {"aten::log", [](CallLowering& call) { apply(call, "Log"); }},
      {"aten::sqrt", [](CallLowering& call) { apply(call, "Sqrt"); }},
      {"aten::reciprocal", [](CallLowering& call) { apply(call, "Reciprocal"); }},
      {"aten::abs", [](CallLowering& call) { apply(call, "Abs"); }},
      {"aten::neg", [](CallLowering& call) { apply(call, "Neg"); }},
      {"aten::erf", [](CallLowering& call) { apply(call, "Erf"); }},
      {"aten::sin", [](CallLowering& call) { apply(call, "Sin"); }},
      {"aten::cos", [](CallLowering& call) { apply(call, "Cos"); }},
      {"aten::gelu", lower_gelu},
      {"aten::softplus", lower_softplus},
      {"aten::leaky_relu", lower_leaky_relu},
      {"aten::elu", lower_elu},
      {"aten::prelu", lower_prelu},
      {"aten::log_sigmoid", lower_log_sigmoid},
      {"aten::glu", lower_glu},
      {"aten::clamp", lower_clamp},
      {"aten::clamp_min", lower_clamp},
      {"aten::clamp_max", lower_clamp},
      {"aten::hardtanh", lower_hardtanh},
      {"aten::pow", lower_pow},
      {"aten::rsqrt", lower_rsqrt},
      {"aten::square", lower_square},
      {"aten::dropout", lower_dropout},
      {"aten::feature_dropout", lower_dropout},
  };
  return kAll;
}

}  // namespace espalier
