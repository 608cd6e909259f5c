#include "worker/criteria/criterion.h"

namespace espalier {

/// |g| with g = dL/dw, the mean over the batches. After the growth criterion of Evci et al. 2020, arXiv:1911.11134.
Scores score_gradient(const CriterionContext& context) {
  Scores scores = mean_gradients(context);
  for (at::Tensor& score : scores) score.abs_();
  return scores;
}

}  // namespace espalier
