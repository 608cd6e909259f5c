#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

Allocation allocation_uniform() {
  return {.densities = equal_densities};
}

}  // namespace espalier
