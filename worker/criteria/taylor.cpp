#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// The mean over batches of (w g)^2, g = dL/dw of one batch: the squared change of the batch's loss if the weight goes,
/// to first order. Molchanov et al. 2019, arXiv:1906.10771, eq. (8), for single weights.
Scores score_taylor(const CriterionContext& context) {
  return mean_of_products(context, [](const at::Tensor& product) { return product.square(); });
}

}  // namespace espalier
