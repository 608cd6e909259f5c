#include <functional>
#include <numeric>

#include "experiments/pruning/allocations/allocations.h"

namespace espalier {
namespace {

/// The sum of a weight's dimensions over their product, kernel included. Evci et al. 2020, arXiv:1911.11134, section
/// 3 (1).
std::vector<double> densities_of_erk(std::span<const AllocationScope> scopes, double kept) {
  std::vector<double> affinities;
  for (const AllocationScope& scope : scopes) {
    const auto sum = std::accumulate(scope.shape.begin(), scope.shape.end(), 0.0);
    affinities.push_back(sum / std::accumulate(scope.shape.begin(), scope.shape.end(), 1.0, std::multiplies<>()));
  }
  return densities_by_affinity(scopes, affinities, kept);
}

}  // namespace

Allocation allocation_erk() {
  return {.densities = densities_of_erk};
}

}  // namespace espalier
