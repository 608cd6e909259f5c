#include <ATen/core/grad_mode.h>

#include "base/error.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// w (H g), with g = dL/dw and H the Hessian of L over the weights that survive, L the mean cross-entropy of logits /
/// temperature. Wang, Zhang & Grosse 2020, arXiv:2002.07376, eq. (8): its score is -w (H g), of which the highest are
/// removed; ours is kept where high. H g is the gradient of <g, dL/dw> with the first g held fixed (double backward).
/// Over batches g and H g are means. Biases and norms are not among the weights.
Scores score_grasp(const CriterionContext& context) {
  if (context.batches <= 0) throw Error(ErrorKind::internal, "grasp was given no batches");
  const double temperature = context.option("temperature");
  const Network& network = context.network;
  const auto& weights = context.weights();
  const at::AutoGradMode with_grad(true);
  const auto gradient_of = [&](std::int64_t index, bool graph) {
    const Batch batch = context.batch(index);
    const at::Tensor logits = network.forward(batch.inputs, {context.mode});
    return weight_derivatives(network, network.task().loss(logits.div(temperature), batch.labels), graph);
  };
  std::vector<at::Tensor> gradients;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const std::vector<at::Tensor> one = gradient_of(index, false);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const at::Tensor part = one[i].mul(weights[i].mask).div(static_cast<double>(context.batches));
      if (index == 0) {
        gradients.push_back(part);
      } else {
        gradients[i].add_(part);
      }
    }
  }
  Scores scores;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const std::vector<at::Tensor> one = gradient_of(index, true);
    at::Tensor product = one[0].mul(gradients[0]).sum();
    for (std::size_t i = 1; i < weights.size(); ++i) product = product.add(one[i].mul(gradients[i]).sum());
    const std::vector<at::Tensor> curvature = weight_derivatives(network, product);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const at::Tensor part = curvature[i].detach().mul(weights[i].weight).div(static_cast<double>(context.batches));
      if (index == 0) {
        scores.push_back(part);
      } else {
        scores[i].add_(part);
      }
    }
  }
  return scores;
}

}  // namespace espalier
