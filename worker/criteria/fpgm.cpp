#include <ATen/core/grad_mode.h>
#include <ATen/ops/cdist.h>

#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// sum_j ||w_i - w_j||_2 over the outputs j of the layer: an output near the geometric median of all is one that the
/// others can stand in for. He et al. 2019, arXiv:1811.00250, eq. (5). Outputs of which nothing survives do not count.
Scores score_fpgm(const CriterionContext& context) {
  constexpr std::int64_t kByDifferences = 2;  // not by |a|^2 + |b|^2 - 2ab, which cancels
  const at::NoGradGuard no_grad;
  Scores scores;
  const std::vector<PrunableLayer> layers = prunable_layers(context.network.description());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const PrunableWeight& prunable = context.weights()[i];
    const at::Tensor rows = rows_of_outputs(prunable.weight, layers[i]);
    const at::Tensor alive = rows_of_outputs(prunable.mask, layers[i]).amax(1);
    const at::Tensor distances = at::cdist(rows, rows, 2, kByDifferences);
    scores.push_back(spread_over_outputs(distances.matmul(alive), layers[i]));
  }
  return scores;
}

}  // namespace espalier
