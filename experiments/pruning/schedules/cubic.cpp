#include <cmath>

#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

/// Much at first and little at the end. Zhu & Gupta 2017, arXiv:1710.01878, eq. (1).
double density_after_cubic(double sparsity, double progress, double initial) {
  if (initial == 0) return 1 - sparsity * (1 - std::pow(1 - progress, 3));  // counts of old depend on its last bits
  return 1 - (sparsity + (initial - sparsity) * std::pow(1 - progress, 3));
}

}  // namespace espalier
