#include "base/random.h"

#include <ATen/ops/empty.h>

#include "worker/criteria/criterion.h"
#include "worker/selection/mask_stream.h"

namespace espalier {

/// u ~ U(0, 1) from RandomStream(seed, mask_stream(draw), layer). With one draw, as the shared one, scores are the same
/// in every round: a later round's weights are among the earlier one's, and where rounds lead does not depend on their
/// number.
Scores score_random(const CriterionContext& context) {
  Scores scores;
  const std::string stream = mask_stream(context.draw);
  for (const PrunableWeight& prunable : context.network.prunable()) {
    RandomStream random(context.seed, stream, scores.size());
    at::Tensor drawn = at::empty(prunable.weight.sizes(), at::kFloat);
    float* values = drawn.data_ptr<float>();
    for (std::int64_t i = 0; i < drawn.numel(); ++i) values[i] = static_cast<float>(random.uniform());
    scores.push_back(drawn);
  }
  return scores;
}

}  // namespace espalier
