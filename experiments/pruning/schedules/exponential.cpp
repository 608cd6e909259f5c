#include <cmath>

#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

/// Tanaka et al. 2020, arXiv:2006.05467, algorithm 1.
double density_after_exponential(double sparsity, double progress, double) {
  return std::pow(1 - sparsity, progress);
}

}  // namespace espalier
