#include <cmath>

#include "experiments/pruning/schedules/schedules.h"

namespace espalier {

/// The same share of what is left in every round. Frankle & Carbin 2019, arXiv:1803.03635, section 2.
double density_after_iterative(double sparsity, double progress, double) {
  return std::pow(1 - sparsity, progress);
}

}  // namespace espalier
