#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// Scores become comparable, s_i^2 over the sum of s_j^2 for all s_j >= s_i of the scope, and one ranking goes over
/// all. Lee et al. 2021, arXiv:2010.07611.
Allocation allocation_lamp() {
  return {.ranking = "lamp"};
}

}  // namespace espalier
