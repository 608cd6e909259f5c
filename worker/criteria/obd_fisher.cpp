#include "worker/criteria/example_gradients.h"

namespace espalier {

/// f w^2 / 2 with f the mean over examples of (dL_i/dw)^2: LeCun, Denker & Solla 1990 (optimal brain damage), eq. (5),
/// with the empirical Fisher information's diagonal for the Hessian's, so that networks of any size can be scored. An
/// example of a token model is a sequence.
Scores score_obd_fisher(const CriterionContext& context) {
  Scores scores = fisher_diagonal(context);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i].mul_(context.weights()[i].weight.square()).mul_(0.5);
  return scores;
}

}  // namespace espalier
