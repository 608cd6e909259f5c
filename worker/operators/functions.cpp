#include <ATen/ops/abs.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/feature_dropout.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tanh.h>

#include "worker/operators/computations.h"

namespace espalier {

Computation function_called(std::string_view name) {
#define ESPALIER_ELEMENTWISE(symbol, text, number, tensor) \
  if (name == text) {                                      \
    return [](const Computed& computed) -> at::Tensor {    \
      const at::Tensor& x = computed.x();                  \
      [[maybe_unused]] const Node& node = computed.node;   \
      return tensor;                                       \
    };                                                     \
  }
#include "experiments/operators/elementwise.def"
#undef ESPALIER_ELEMENTWISE
#define ESPALIER_ARITHMETIC(symbol, text, numbers, first_zero, second_zero, tensors) \
  if (name == text) {                                                                \
    return [](const Computed& computed) -> at::Tensor {                              \
      const at::Tensor &x = computed.inputs[0], &y = computed.inputs[1];             \
      return tensors;                                                                \
    };                                                                               \
  }
#include "experiments/operators/arithmetic.def"
#undef ESPALIER_ARITHMETIC
  return nullptr;
}

at::Tensor compute_softmax(const Computed& computed) {
  return at::softmax(computed.x(), computed.node.integer("dim"));
}

at::Tensor compute_log_softmax(const Computed& computed) {
  return at::log_softmax(computed.x(), computed.node.integer("dim"));
}

at::Tensor compute_channel_dropout(const Computed& computed) {
  return at::feature_dropout(computed.x(), computed.node.number("probability"), computed.pass.mode == Mode::train);
}

at::Tensor compute_dropout(const Computed& computed) {
  return at::dropout(computed.x(), computed.node.number("probability"), computed.pass.mode == Mode::train);
}

}  // namespace espalier
