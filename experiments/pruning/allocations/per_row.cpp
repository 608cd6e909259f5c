#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// Every output keeps equally many of its inputs. Sun et al. 2024, arXiv:2306.11695, section 3.
Allocation allocation_per_row() {
  return {.ranking = "per_row", .densities = equal_densities};
}

}  // namespace espalier
