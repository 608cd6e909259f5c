#include <cmath>

#include <ATen/ops/full.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/zeros_like.h>

#include "experiments/operators/operator.h"
#include "worker/lowering/layer_steps.h"
#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

/// W of x W^T, if that is what the second factor is; else none.
ValueIndex weight_of(const CallLowering& call, ValueIndex factor) {
  const Node* node = call.node(factor);
  const bool turned = node != nullptr && node->op->name() == "Transpose" && call.dims(factor).size() == 2 &&
                      call.at(node->inputs[0]).source == Value::Source::parameter;
  return turned ? node->inputs[0] : kNoValue;
}

ValueIndex scaled(CallLowering& call, ValueIndex x, double factor) {
  return factor == 1 ? x : call.add("MulNumber", {x}, {{"number", factor}});
}

Lowered product(CallLowering& call, const Lowered& x, ValueIndex factor) {
  const ValueIndex weight = weight_of(call, factor);
  if (weight != kNoValue) return linear(call, x, weight, kNoValue);
  if (x.dims.size() < 2 || call.dims(factor).size() < 2) call.refuse("multiplies a matrix with a vector");
  const ValueIndex result = call.add("MatMul", {call.value(x), factor});
  return {result, call.dims(result)};
}

/// matmul, mm, bmm.
void lower_matmul(CallLowering& call) {
  call.give(product(call, call.tensor("self"), call.value(call.has("other") ? "other" : "mat2")));
}

/// beta self + alpha (mat1 mat2).
void lower_addmm(CallLowering& call) {
  const bool batched = call.name().starts_with("aten::baddbmm");
  const Lowered x = call.tensor(batched ? "batch1" : "mat1");
  const ValueIndex factor = call.value(batched ? "batch2" : "mat2"), added = call.value("self");
  const double alpha = call.number("alpha"), beta = call.number("beta");
  const ValueIndex weight = weight_of(call, factor);
  if (weight != kNoValue && alpha == 1 && beta == 1 && call.dims(added).size() == 1) {
    call.give(linear(call, x, weight, added));
    return;
  }
  const ValueIndex result = scaled(call, call.value(product(call, x, factor)), alpha);
  call.give(beta == 0 ? result : call.add("Add", {result, scaled(call, added, beta)}));
}

/// softmax(q k^T scale + mask) v, in the operators that it is made of: scaled_dot_product_attention.
void lower_attention(CallLowering& call) {
  if (call.number("dropout_p") > 0) call.refuse("drops in evaluation mode");
  if (call.takes("enable_gqa") && call.truth("enable_gqa")) call.refuse("shares keys and values among heads");
  const ValueIndex q = call.value("query"), k = call.value("key"), v = call.value("value");
  const std::size_t count = call.dims(k).size();
  const double scale = call.takes("scale") && call.has("scale")
                           ? call.number("scale")
                           : 1 / std::sqrt(static_cast<double>(call.dims(q).back().size));
  ValueIndex scores = call.add("MatMul", {scaled(call, q, scale), transposed(call, k, count - 2, count - 1)});
  if (call.truth("is_causal")) {
    const std::vector<std::int64_t> sizes{call.dims(q)[count - 2].size, call.dims(k)[count - 2].size};
    scores = call.add("Add", {scores, call.add_buffer(at::full(sizes, -HUGE_VAL, at::kFloat).triu(1))});
  }
  if (call.has("attn_mask")) {
    const at::Tensor mask = call.constant("attn_mask");
    const bool chooses = mask.defined() && mask.scalar_type() == at::kBool;
    scores = call.add(
        "Add",
        {scores, chooses ? call.add_buffer(at::zeros_like(mask, at::kFloat).masked_fill(mask.logical_not(), -HUGE_VAL))
                         : call.value("attn_mask")});
  }
  const ValueIndex weights = call.add("Softmax", {scores}, {{"dim", static_cast<std::int64_t>(count) - 1}});
  call.give(call.add("MatMul", {weights, v}));
  if (call.gives(1)) call.give(weights, 1);
}

/// softmax, log_softmax.
void lower_softmax(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  const bool log = call.name() == "aten::log_softmax";
  call.give(call.add(log ? "LogSoftmax" : "Softmax", {x}, {{"dim", static_cast<std::int64_t>(dim)}}));
}

}  // namespace

const Translations& product_translations() {
  static const Translations kAll{
      {"aten::matmul", lower_matmul},
      {"aten::mm", lower_matmul},
      {"aten::bmm", lower_matmul},
      {"aten::addmm", lower_addmm},
      {"aten::baddbmm", lower_addmm},
      {"aten::softmax", lower_softmax},
      {"aten::log_softmax", lower_softmax},
      {"aten::scaled_dot_product_attention", lower_attention},
      {"aten::_scaled_dot_product_attention", lower_attention},
  };
  return kAll;
}

}  // namespace espalier
