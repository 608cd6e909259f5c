#include <optional>

#include <ATen/ops/logical_not.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/zeros_like.h>

#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

/// An operand that is one number: a Python number, or a tensor of one element that depends on nothing.
std::optional<double> number_of(CallLowering& call, const char* operand) {
  if (!call.is_tensor(operand)) return call.number(operand);
  const at::Tensor constant = call.constant(operand);
  if (!constant.defined() || constant.dim() > 0) return std::nullopt;
  return constant.to(at::kDouble).item<double>();
}

double factor_of(CallLowering& call) {
  return call.takes("alpha") ? call.number("alpha") : 1;
}

Lowered with_number(CallLowering& call, const Lowered& x, const char* op, double number) {
  const bool nothing = number == (op == std::string_view("AddNumber") ? 0 : 1);
  return nothing ? x : Lowered{call.add(op, {x.value}, {{"number", number}}), x.dims};
}

/// Of two tensors, or of tensors that are kept apart alike.
void combine(CallLowering& call, const char* op, const Lowered& one, const Lowered& other) {
  const bool apart =
      call.dims(one.value) != one.dims && one.dims == other.dims && call.dims(one.value) == call.dims(other.value);
  if (apart) {
    call.give({call.add(op, {one.value, other.value}), one.dims});
  } else {
    call.give(call.add(op, {call.value(one), call.value(other)}));
  }
}

void lower_sum(CallLowering& call, const char* op, double sign) {
  const double factor = factor_of(call);
  if (const auto number = number_of(call, "other")) {
    call.give(with_number(call, call.tensor("self"), "AddNumber", sign * factor * *number));
  } else if (const auto first = number_of(call, "self")) {
    const Lowered signed_other = with_number(call, call.tensor("other"), "MulNumber", sign * factor);
    call.give(with_number(call, signed_other, "AddNumber", *first));
  } else {
    combine(call, op, call.tensor("self"), with_number(call, call.tensor("other"), "MulNumber", factor));
  }
}

void lower_add(CallLowering& call) {
  lower_sum(call, "Add", 1);
}
void lower_sub(CallLowering& call) {
  lower_sum(call, "Sub", -1);
}

/// other - alpha self.
void lower_rsub(CallLowering& call) {
  const auto number = number_of(call, "other");
  if (!number) {
    combine(call, "Sub", call.tensor("other"), with_number(call, call.tensor("self"), "MulNumber", factor_of(call)));
    return;
  }
  call.give(
      with_number(call, with_number(call, call.tensor("self"), "MulNumber", -factor_of(call)), "AddNumber", *number));
}

void lower_mul(CallLowering& call) {
  if (const auto number = number_of(call, "other")) {
    call.give(with_number(call, call.tensor("self"), "MulNumber", *number));
  } else if (const auto first = number_of(call, "self")) {
    call.give(with_number(call, call.tensor("other"), "MulNumber", *first));
  } else {
    combine(call, "Mul", call.tensor("self"), call.tensor("other"));
  }
}

void lower_div(CallLowering& call) {
  if (call.has("rounding_mode")) call.refuse("rounds");
  if (const auto number = number_of(call, "other")) {
    call.give(with_number(call, call.tensor("self"), "MulNumber", 1 / *number));
  } else if (const auto first = number_of(call, "self")) {
    const Lowered other = call.tensor("other");
    call.give(with_number(call, {call.add("Reciprocal", {other.value}), other.dims}, "MulNumber", *first));
  } else {
    combine(call, "Div", call.tensor("self"), call.tensor("other"));
  }
}

void lower_maximum(CallLowering& call) {
  combine(call, "Max", call.tensor("self"), call.tensor("other"));
}
void lower_minimum(CallLowering& call) {
  combine(call, "Min", call.tensor("self"), call.tensor("other"));
}

/// x where a constant mask is false, and the number where it is true.
void lower_masked_fill(CallLowering& call) {
  const at::Tensor mask = call.constant("mask");
  const auto number = number_of(call, "value");
  if (!mask.defined() || !number) call.refuse("has a mask or a number that was computed");
  const ValueIndex kept = call.add_buffer(mask.logical_not().to(at::kFloat));
  const ValueIndex filled = call.add_buffer(at::zeros_like(mask, at::kFloat).masked_fill(mask, *number));
  call.give(call.add("Add", {call.add("Mul", {call.value("self"), kept}), filled}));
}

}  // namespace

const Translations& arithmetic_translations() {
  static const Translations kAll{
      {"aten::add", lower_add},         {"aten::sub", lower_sub},         {"aten::rsub", lower_rsub},
      {"aten::mul", lower_mul},         {"aten::div", lower_div},         {"aten::true_divide", lower_div},
      {"aten::maximum", lower_maximum}, {"aten::minimum", lower_minimum}, {"aten::masked_fill", lower_masked_fill},
  };
  return kAll;
}

}  // namespace espalier
