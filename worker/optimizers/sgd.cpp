#include <ATen/ops/zeros_like.h>

#include "worker/optimizers/optimizer.h"
#include "worker/optimizers/optimizer_kernels.h"

namespace espalier {
namespace {

/// Stochastic gradient descent as torch.optim.SGD does it: the first velocity is the gradient (a zero velocity gives
/// just that), weight decay is added to the gradient, no dampening. Sutskever et al. 2013, PMLR 28:1139.
class Sgd : public Optimizer {
 public:
  Sgd(const OptimizerSpec& spec, const at::Tensor& weights, bool one_pass)
      : spec_(spec), one_pass_(one_pass), velocity_(at::zeros_like(weights)) {}

  void step(at::Tensor& weights, const at::Tensor& gradients, double lr) override {
    if (one_pass_) {
      sgd_step(weights.data_ptr<float>(), velocity_.data_ptr<float>(), gradients.data_ptr<float>(),
               static_cast<std::size_t>(weights.numel()),
               {static_cast<float>(lr), static_cast<float>(spec_.momentum), static_cast<float>(spec_.weight_decay),
                spec_.nesterov});
      return;
    }
    const at::Tensor decayed = spec_.weight_decay == 0 ? gradients : gradients.add(weights, spec_.weight_decay);
    velocity_.mul_(spec_.momentum).add_(decayed);
    weights.sub_(spec_.nesterov ? decayed.add(velocity_, spec_.momentum) : velocity_, lr);
  }

  void forget(const at::Tensor& weights) override { velocity_.masked_fill_(weights, 0); }
  NamedTensors state() const override { return {{"optimizer.velocity", velocity_}}; }
  void load_state(const NamedTensors& state) override {
    velocity_.copy_(tensor_like(state, "optimizer.velocity", velocity_));
  }

 private:
  OptimizerSpec spec_;
  bool one_pass_;
  at::Tensor velocity_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const OptimizerSpec& spec, const at::Tensor& weights, bool one_pass) {
  return std::make_unique<Sgd>(spec, weights, one_pass);
}

}  // namespace espalier
