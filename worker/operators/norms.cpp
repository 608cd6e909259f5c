#include <ATen/ops/batch_norm.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/layer_norm.h>

#include "worker/data_parallel/sync_batch_norm.h"
#include "worker/operators/computations.h"

namespace espalier {

at::Tensor compute_batch_norm(const Computed& computed) {
  const at::Tensor& x = computed.x();
  const at::Tensor scale = computed.input(1), shift = computed.input(2), mean = computed.input(3),
                   variance = computed.input(4);
  const double momentum = computed.node.number("momentum"), epsilon = computed.node.number("epsilon");
  const Pass& pass = computed.pass;
  if (pass.gang != nullptr && pass.mode == Mode::train)
    return sync_batch_norm(x, {scale, shift, mean, variance}, momentum, epsilon, *pass.gang);
  if (pass.mode == Mode::batch_statistics)
    return at::batch_norm(x, scale, shift, {}, {}, true, momentum, epsilon, false);
  return at::batch_norm(x, scale, shift, mean, variance, pass.mode == Mode::train, momentum, epsilon, false);
}

at::Tensor compute_layer_norm(const Computed& computed) {
  const at::Tensor& x = computed.x();
  const std::int64_t count = computed.node.integer("dims");
  return at::layer_norm(x, x.sizes().slice(static_cast<std::size_t>(x.dim() - count)), computed.input(1),
                        computed.input(2), computed.node.number("epsilon"), false);
}

at::Tensor compute_group_norm(const Computed& computed) {
  return at::group_norm(computed.x(), computed.node.integer("groups"), computed.input(1), computed.input(2),
                        computed.node.number("epsilon"), false);
}

at::Tensor compute_instance_norm(const Computed& computed) {
  return at::instance_norm(computed.x(), computed.input(1), computed.input(2), {}, {}, true, 0,
                           computed.node.number("epsilon"), false);
}

at::Tensor compute_rms_norm(const Computed& computed) {
  const at::Tensor& x = computed.x();
  const at::Tensor normed = x.mul(x.square().mean({-1}, true).add(computed.node.number("epsilon")).rsqrt());
  return computed.input(1).defined() ? normed.mul(computed.inputs[1]) : normed;
}

}  // namespace espalier
