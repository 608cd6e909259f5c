#include "worker/criteria/criterion.h"

namespace espalier {

/// |w g| with g = dL/dw, the mean over the batches. Mozer & Smolensky 1989 (skeletonization), as in Molchanov et al.
/// 2019, arXiv:1906.10771. The number is SNIP's; as a criterion of trained networks it goes by this name.
Scores score_weight_gradient(const CriterionContext& context) {
  return score_snip(context);
}

}  // namespace espalier
