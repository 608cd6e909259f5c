#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// The mean over batches of |w g|, g = dL/dw of one batch. Molchanov et al. 2017, arXiv:1611.06440, eq. (7), for single
/// weights. Unlike weight_gradient, changes of opposite sign in two batches do not cancel.
Scores score_taylor_absolute(const CriterionContext& context) {
  return mean_of_products(context, [](const at::Tensor& product) { return product.abs(); });
}

}  // namespace espalier
