#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

/// The same number of weights in every round. Gale et al. 2019, arXiv:1902.09574.
double density_after_linear(double sparsity, double progress, double initial) {
  if (initial == 0) return 1 - sparsity * progress;  // counts of old depend on its last bits
  return 1 - (initial + (sparsity - initial) * progress);
}

}  // namespace espalier
