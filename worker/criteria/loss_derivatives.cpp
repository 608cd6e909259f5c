#include "worker/criteria/loss_derivatives.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"

namespace espalier {

std::vector<at::Tensor> weight_derivatives(const Network& network, const at::Tensor& of, bool graph) {
  std::vector<at::Tensor> leaves;
  for (const PrunableWeight& prunable : network.prunable()) leaves.push_back(prunable.leaf);
  std::vector<at::Tensor> derivatives = torch::autograd::grad({of}, leaves, {}, graph, graph, true);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!derivatives[i].defined()) derivatives[i] = at::zeros_like(leaves[i]);
  }
  return derivatives;
}

Scores mean_of_products(const CriterionContext& context, const std::function<at::Tensor(const at::Tensor&)>& f) {
  if (context.batches <= 0)
    throw Error(ErrorKind::internal, "a criterion that looks at gradients was given no batches");
  Scores means;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const Batch batch = context.batch(index);
    context.network.loss_and_gradients(batch.inputs, batch.labels, context.mode);
    const at::NoGradGuard no_grad;
    for (std::size_t layer = 0; layer < context.weights().size(); ++layer) {
      const PrunableWeight& prunable = context.weights()[layer];
      const at::Tensor score = f(prunable.weight.mul(prunable.gradient)).div(static_cast<double>(context.batches));
      if (index == 0) {
        means.push_back(score);
      } else {
        means[layer].add_(score);
      }
    }
  }
  return means;
}

at::Tensor spread_over_outputs(const at::Tensor& per_output, const at::Tensor& weight) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(weight.dim()), 1);
  shape[0] = weight.size(0);
  return per_output.detach().to(at::kFloat).view(shape).expand(weight.sizes()).contiguous();
}

Network in_float64(const Network& network) {
  Network copy(network.description(), network.prunable().at(0).weight.device(), at::kDouble);
  copy.beat_on(network.pulse());
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights) {
    if (tensor.is_floating_point()) tensor = tensor.to(at::kDouble);  // a scripted module may count in integers
  }
  copy.set_weights(weights);
  if (network.masked()) copy.set_masks(network.masks());
  return copy;
}

KeptWeights::KeptWeights(Network& network) : network_(network), parameters_(network.parameters().clone()) {
  for (const Buffer& buffer : network.buffers()) buffers_.push_back(buffer.tensor.clone());
}

KeptWeights::~KeptWeights() {
  const at::NoGradGuard no_grad;
  network_.parameters().copy_(parameters_);
  for (std::size_t i = 0; i < buffers_.size(); ++i) network_.buffers()[i].tensor.copy_(buffers_[i]);
}

}  // namespace espalier
