#include "experiments/allocations/allocations.h"

namespace espalier {

/// Only the total is known before the curves are measured; the worker spreads it (worker/sensitivity_allocation.h).
Allocation allocation_sensitivity() {
  return {.one_ranking = true};
}

}  // namespace espalier
