#include "worker/criteria/layer_inputs.h"

namespace espalier {

/// |w_ij| ||x_j||_2, the norm of input j over all rows that the layer is given (examples, tokens, pixels). Sun et al.
/// 2024, arXiv:2306.11695, eq. (1), whose comparison is per row: allocation per_row. A convolution's input is unfolded,
/// so each kernel position has a norm of its own.
Scores score_wanda(const CriterionContext& context) {
  const std::vector<at::Tensor> sums = input_square_sums(context);
  Scores scores;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const at::Tensor& weight = context.weights()[i].weight;
    const at::Tensor norms = sums[i].sqrt().to(at::kFloat).unsqueeze(1);  // [groups, 1, columns]
    const at::Tensor rows = weight.reshape({norms.size(0), -1, norms.size(2)});
    scores.push_back(rows.abs().mul(norms).view(weight.sizes()));
  }
  return scores;
}

}  // namespace espalier
