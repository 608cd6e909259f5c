#include "worker/criteria/activations.h"

namespace espalier {

/// The mean output of the ReLU after the layer, per channel, over all examples and places. Molchanov et al. 2017,
/// arXiv:1611.06440, section 2.2 ("activation").
Scores score_mean_activation(const CriterionContext& context) {
  return activation_scores(context,
                           [](const ActivationSums& sums) { return sums.sum.div(static_cast<double>(sums.count)); });
}

}  // namespace espalier
