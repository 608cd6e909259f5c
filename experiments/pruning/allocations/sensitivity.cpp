#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// Only the total is known before the curves are measured; the worker spreads it
/// (worker/pruning/sensitivity_allocation.h).
Allocation allocation_sensitivity() {
  return {};
}

}  // namespace espalier
