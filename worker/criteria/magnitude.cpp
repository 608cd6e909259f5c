#include "worker/criteria/criterion.h"

namespace espalier {

/// |w|: the weights farthest from zero stay. Han et al. 2015, arXiv:1506.02626.
Scores score_magnitude(const CriterionContext& context) {
  Scores scores;
  for (const PrunableWeight& prunable : context.weights()) scores.push_back(prunable.weight.abs());
  return scores;
}

}  // namespace espalier
