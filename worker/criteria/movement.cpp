#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// sum over steps of -w g: positive where training moves a weight away from zero, whatever its size. Sanh, Wolf & Rush
/// 2020, arXiv:2005.07683, eq. (4), where the sum runs along fine-tuning; here along `batches` steps of plain gradient
/// descent at rate `lr` from the weights given, which are put back. lr = 0 sums at the fixed weights.
Scores score_movement(const CriterionContext& context) {
  if (context.batches <= 0) throw Error(ErrorKind::internal, "movement was given no batches");
  const double lr = context.option("lr");
  Network& network = context.network;
  Scores scores;
  for (const PrunableWeight& prunable : context.weights()) scores.push_back(at::zeros_like(prunable.weight));
  const KeptWeights kept(network);
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const Batch batch = context.batch(index);
    network.loss_and_gradients(batch.inputs, batch.labels, context.mode);
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < scores.size(); ++i)
      scores[i].addcmul_(context.weights()[i].weight, context.weights()[i].gradient, -1);
    network.parameters().sub_(network.gradients(), lr);
    network.apply_masks();
  }
  return scores;
}

}  // namespace espalier
