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

at::Tensor spread_over_outputs(const at::Tensor& per_output, const PrunableLayer& layer) {
  const at::Tensor scores = per_output.detach().to(at::kFloat);
  std::vector<std::int64_t> shape(layer.shape.size() + 1, 1);
  // [groups, in / groups, out / groups, ...] of a transposed convolution, [out, 1, ...] of others.
  shape[0] = layer.transposed ? layer.groups : layer.shape[0];
  if (layer.transposed) shape[2] = layer.shape[1];
  std::vector<std::int64_t> sizes = layer.shape;
  sizes.insert(sizes.begin() + 1, layer.transposed ? layer.shape[0] / layer.groups : 1);
  if (layer.transposed) sizes[0] = layer.groups;
  return scores.view(shape).expand(sizes).reshape(layer.shape).contiguous();
}

at::Tensor rows_of_outputs(const at::Tensor& weight, const PrunableLayer& layer) {
  if (!layer.transposed) return weight.flatten(1);
  std::vector<std::int64_t> sizes = layer.shape;
  sizes.insert(sizes.begin(), layer.groups);
  sizes[1] /= layer.groups;
  return weight.reshape(sizes).transpose(1, 2).reshape({layer.outputs(), -1});
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
