#include "experiments/pruning/allocations/allocations.h"

namespace espalier {

/// Han et al. 2015, arXiv:1506.02626, ranked within layers; one ranking is Frankle & Carbin's for deep networks
/// (arXiv:1803.03635, section 4).
Allocation allocation_global() {
  return {};
}

}  // namespace espalier
