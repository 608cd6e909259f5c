#include "worker/criteria/activations.h"

namespace espalier {

/// 1 - the fraction of zeros among the outputs of the ReLU after the layer, per channel, over all examples and places:
/// a channel that is mostly zero goes. Hu et al. 2016, arXiv:1607.03250, eq. (1), whose APoZ is that fraction.
Scores score_apoz(const CriterionContext& context) {
  return activation_scores(
      context, [](const ActivationSums& sums) { return sums.zeros.div(static_cast<double>(sums.count)).neg().add(1); });
}

}  // namespace espalier
