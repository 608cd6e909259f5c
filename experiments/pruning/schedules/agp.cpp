#include <cmath>

#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

/// Zhu & Gupta's with an initial sparsity that is a fraction of the final one, as NNI's AGPPruner has it.
double density_after_agp(double sparsity, double progress, double initial) {
  return 1 - sparsity * (1 - (1 - initial) * std::pow(1 - progress, 3));
}

}  // namespace espalier
