#include "worker/criteria/second_order.h"

namespace espalier {

/// h w^2 / 2 with h the exact diagonal of the Hessian: LeCun, Denker & Solla 1990 (optimal brain damage), eq. (5). May
/// be negative away from a minimum.
Scores score_obd_hessian(const CriterionContext& context) {
  Scores scores = hessian_diagonal(context);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i].mul_(context.weights()[i].weight.square()).mul_(0.5);
  return scores;
}

}  // namespace espalier
