#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// Per prunable layer, of the weight's shape: d^2L/dw^2 of the mean loss over all batches, exactly, one double backward
/// pass for each surviving weight; zero for what is pruned. Errors: ErrorKind::internal if there are no batches.
std::vector<at::Tensor> hessian_diagonal(const CriterionContext& context);

/// float64 [P, P] over all prunable weights, layer after layer: the mean over examples and classes c, by the network's
/// own probabilities, of g g^T with g the gradient of the loss of label c. That is the Hessian of the cross-entropy of
/// a network linear in its weights (generalised Gauss-Newton, the Fisher information), what Hassibi & Stork's outer
/// products are for squared errors. `network` is float64. Errors: ErrorKind::invalid_input for token models.
at::Tensor outer_product_hessian(const Network& network, const CriterionContext& context);

struct Surgery {
  at::Tensor weights;             ///< float64 [P]
  std::vector<bool> kept;         ///< [P]
  std::vector<double> increases;  ///< of the loss, as predicted: L_q of each deletion, in order
};
/// Optimal brain surgery: Hassibi & Stork 1993. Deletes, one by one, the weight of least L_q = w_q^2 / (2 [H^-1]_qq),
/// changing all others by -w_q / [H^-1]_qq H^-1 e_q, and H^-1 to that of the weights that are left. `hessian` [P, P] is
/// positive definite; weight i may be deleted while remove[group[i]] > 0, group[i] = -1: never. What is 0 in
/// `surviving` (bool [P]) takes no part. Errors: ErrorKind::numeric if the Hessian is not positive definite.
Surgery delete_weights(const at::Tensor& hessian, const at::Tensor& weights, const at::Tensor& surviving,
                       const std::vector<std::int64_t>& group, std::vector<std::int64_t> remove);

}  // namespace espalier
