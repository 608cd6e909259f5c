// The slice's own statistics come from LibTorch's kernels, which read it once; only sums by channel travel, in double.
// A batch norm in evaluation is (x - mean) / sqrt(variance + epsilon) scale + shift with whatever statistics it is
// given: it serves as the forward pass, as the sums of the backward pass (its gradients of scale and shift are sum(g
// x^) and sum(g)), and as the affine map of x in the gradient.
#include "worker/data_parallel/sync_batch_norm.h"

#include <array>
#include <tuple>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm_update_stats.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

namespace espalier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// Of doubles on the CPU.
at::Tensor summed(Gang& gang, const at::Tensor& values) {
  const auto owner = std::make_shared<at::Tensor>(values.to(at::kCPU).contiguous());
  gang.wait(
      gang.sum(std::shared_ptr<double>(owner, owner->data_ptr<double>()), static_cast<std::size_t>(owner->numel())));
  return *owner;
}

struct Statistics {
  at::Tensor mean, variance;  // float64 [C]
  double count = 0;           // values of each channel
};

Statistics statistics_of(const at::Tensor& x, Gang& gang) {
  const std::int64_t channels = x.size(1);
  const auto options = at::TensorOptions(at::kCPU).dtype(at::kDouble);
  at::Tensor sums = at::zeros({2 * channels + 1}, options);
  if (x.numel() > 0) {
    const auto [mean, variance] = at::batch_norm_update_stats(x, {}, {}, 0);
    const at::Tensor m = mean.to(options), v = variance.to(options);
    const auto count = static_cast<double>(x.numel() / channels);
    sums = at::cat({m.mul(count), v.add(m.square()).mul(count), at::full({1}, count, options)});
  }
  sums = summed(gang, sums);
  const double count = sums[2 * channels].item<double>();
  const at::Tensor mean = sums.narrow(0, 0, channels).div(count);
  return {mean, sums.narrow(0, channels, channels).div(count).sub(mean.square()).clamp_min(0), count};
}

void move_towards(const at::Tensor& running, const at::Tensor& value, double momentum) {
  running.mul_(1 - momentum).add_(value.to(running.options()), momentum);
}

at::Tensor normalize(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, const at::Tensor& mean,
                     const at::Tensor& variance, double epsilon) {
  if (x.numel() == 0) return x.clone();
  return std::get<0>(at::native_batch_norm(x, scale, shift, mean, variance, false, 0, epsilon));
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& scale,
                            const at::Tensor& shift, const at::Tensor& mean, const at::Tensor& variance, double count,
                            double epsilon, Gang* gang) {
    context->save_for_backward({x, scale, mean, variance});
    context->saved_data["count"] = count;
    context->saved_data["epsilon"] = epsilon;
    // The context holds no pointers. The gang outlives the graph, which a step makes and takes down.
    context->saved_data["gang"] = static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(gang));
    return normalize(x, scale, shift, mean, variance, epsilon);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &scale = saved[1], &mean = saved[2], &variance = saved[3];
    const double count = context->saved_data["count"].toDouble();
    const double epsilon = context->saved_data["epsilon"].toDouble();
    Gang& gang = *reinterpret_cast<Gang*>(static_cast<std::intptr_t>(context->saved_data["gang"].toInt()));
    const at::Tensor g = gradients[0].contiguous();

    const std::int64_t channels = x.size(1);
    at::Tensor scale_gradient = at::zeros({channels}, scale.options());
    at::Tensor shift_gradient = at::zeros({channels}, scale.options());
    if (x.numel() > 0) {
      const auto own = at::native_batch_norm_backward(g, x, scale, mean, variance, {}, {}, false, epsilon,
                                                      std::array<bool, 3>{false, true, true});
      scale_gradient = std::get<1>(own);
      shift_gradient = std::get<2>(own);
    }
    const at::Tensor all = summed(gang, at::cat({scale_gradient, shift_gradient}).to(at::kDouble));
    at::Tensor x_gradient = g;
    if (x.numel() > 0) {
      const at::Tensor factor = scale.mul(variance.add(epsilon).rsqrt());
      const at::Tensor means = all.div(count).to(scale.options());
      x_gradient = normalize(x, factor.mul(means.narrow(0, 0, channels)).neg_(),
                             factor.mul(means.narrow(0, channels, channels)).neg_(), mean, variance, epsilon);
      x_gradient.addcmul_(g, factor.view({1, channels, 1, 1}));
    }
    return {x_gradient, scale_gradient, shift_gradient, {}, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor sync_batch_norm(const at::Tensor& x, const NormTensors& norm, double momentum, double epsilon, Gang& gang) {
  const at::Tensor values = x.contiguous();
  at::Tensor mean, variance;
  double count = 0;
  {
    const at::NoGradGuard no_grad;
    const Statistics batch = statistics_of(values, gang);
    mean = batch.mean.to(norm.running_mean.options());
    variance = batch.variance.to(norm.running_mean.options());
    count = batch.count;
    move_towards(norm.running_mean, batch.mean, momentum);
    move_towards(norm.running_variance, batch.variance.mul(count / (count - 1)), momentum);
  }
  return SyncBatchNorm::apply(values, norm.scale, norm.shift, mean, variance, count, epsilon, &gang);
}

}  // namespace espalier
