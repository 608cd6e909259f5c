#include <cmath>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "worker/optimizers/optimizer.h"
#include "worker/optimizers/optimizer_kernels.h"

namespace espalier {
namespace {

/// Adam as torch.optim.Adam does it: weight decay is added to the gradient, epsilon to the corrected root.
/// Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
class Adam : public Optimizer {
 public:
  Adam(const OptimizerSpec& spec, const at::Tensor& weights, bool one_pass)
      : spec_(spec), one_pass_(one_pass), first_(at::zeros_like(weights)), second_(at::zeros_like(weights)) {}

  void step(at::Tensor& weights, const at::Tensor& gradients, double lr) override {
    ++steps_;
    const double step_size = lr / (1 - std::pow(spec_.beta1, static_cast<double>(steps_)));
    const double sqrt_correction = std::sqrt(1 - std::pow(spec_.beta2, static_cast<double>(steps_)));
    if (one_pass_) {
      adam_step(
          weights.data_ptr<float>(), first_.data_ptr<float>(), second_.data_ptr<float>(), gradients.data_ptr<float>(),
          static_cast<std::size_t>(weights.numel()),
          {static_cast<float>(spec_.beta1), static_cast<float>(spec_.beta2), static_cast<float>(1 - spec_.beta1),
           static_cast<float>(1 - spec_.beta2), static_cast<float>(step_size), static_cast<float>(sqrt_correction),
           static_cast<float>(spec_.epsilon), static_cast<float>(spec_.weight_decay)});
      return;
    }
    const at::Tensor decayed = spec_.weight_decay == 0 ? gradients : gradients.add(weights, spec_.weight_decay);
    first_.mul_(spec_.beta1).add_(decayed, 1 - spec_.beta1);
    second_.mul_(spec_.beta2).addcmul_(decayed, decayed, 1 - spec_.beta2);
    weights.addcdiv_(first_, second_.sqrt().div_(sqrt_correction).add_(spec_.epsilon), -step_size);
  }

  /// The count of steps is of all weights, and goes on.
  void forget(const at::Tensor& weights) override {
    first_.masked_fill_(weights, 0);
    second_.masked_fill_(weights, 0);
  }
  NamedTensors state() const override {
    return {{"optimizer.first_moment", first_},
            {"optimizer.second_moment", second_},
            {"optimizer.steps", at::full({1}, steps_, at::kLong)}};
  }
  void load_state(const NamedTensors& state) override {
    first_.copy_(tensor_like(state, "optimizer.first_moment", first_));
    second_.copy_(tensor_like(state, "optimizer.second_moment", second_));
    steps_ = tensor_like(state, "optimizer.steps", at::full({1}, steps_, at::kLong)).item<std::int64_t>();
  }

 private:
  OptimizerSpec spec_;
  bool one_pass_;
  at::Tensor first_, second_;
  std::int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const OptimizerSpec& spec, const at::Tensor& weights, bool one_pass) {
  return std::make_unique<Adam>(spec, weights, one_pass);
}

}  // namespace espalier
