#include "experiments/pruning/allocations/allocations.h"

namespace espalier {
namespace {

/// (n_in + n_out) / (n_in n_out): the kernel's size does not count. Mocanu et al. 2018, arXiv:1707.04780.
std::vector<double> densities_of_er(std::span<const AllocationScope> scopes, double kept) {
  std::vector<double> affinities;
  for (const AllocationScope& scope : scopes) {
    const auto out = static_cast<double>(scope.shape.at(0));
    const auto in = static_cast<double>(scope.shape.at(1));
    affinities.push_back((in + out) / (in * out));
  }
  return densities_by_affinity(scopes, affinities, kept);
}

}  // namespace

Allocation allocation_er() {
  return {.densities = densities_of_er};
}

}  // namespace espalier
