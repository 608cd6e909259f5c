#include "experiments/schedules/schedules.h"

namespace espalier {

/// The same number of weights in every round. Gale et al. 2019, arXiv:1902.09574.
double density_after_linear(double sparsity, double progress) {
  return 1 - sparsity * progress;
}

}  // namespace espalier
