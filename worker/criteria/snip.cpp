#include "worker/criteria/criterion.h"

namespace espalier {

/// |w g| with g = dL/dw, the mean over the batches: what the loss changes by, to first order, if the weight goes.
/// Lee et al. 2019, arXiv:1810.02340, eq. (5). Differs: not normalised to sum 1, which changes no ranking.
Scores score_snip(const CriterionContext& context) {
  Scores scores = mean_gradients(context);
  for (std::size_t layer = 0; layer < scores.size(); ++layer)
    scores[layer].mul_(context.weights()[layer].weight).abs_();
  return scores;
}

}  // namespace espalier
