#include "experiments/pruning/allocations/allocations.h"

#include <algorithm>

#include "base/error.h"

namespace espalier {

Allocation find_allocation(std::string_view allocation) {
#define ESPALIER_ALLOCATION(name, ...) \
  if (allocation == #name) return allocation_##name();
#include "experiments/catalog/allocations.def"
#undef ESPALIER_ALLOCATION
  throw Error(ErrorKind::internal, "no allocation is called " + std::string(allocation));
}

std::vector<double> equal_densities(std::span<const AllocationScope> scopes, double kept) {
  double all = 0;
  for (const AllocationScope& scope : scopes) all += static_cast<double>(scope.units);
  return std::vector<double>(scopes.size(), kept / all);
}

std::vector<double> densities_by_affinity(std::span<const AllocationScope> scopes, std::span<const double> affinities,
                                          double kept) {
  std::vector<bool> dense(scopes.size());
  for (;;) {
    double left = kept;
    double weighted = 0;
    double greatest = 0;
    for (std::size_t i = 0; i < scopes.size(); ++i) {
      const auto units = static_cast<double>(scopes[i].units);
      if (dense[i]) {
        left -= units;
      } else {
        weighted += affinities[i] * units;
        greatest = std::max(greatest, affinities[i]);
      }
    }
    const double eps = weighted > 0 ? left / weighted : 0;
    if (eps * greatest <= 1) {
      std::vector<double> densities(scopes.size(), 1.0);
      for (std::size_t i = 0; i < scopes.size(); ++i) {
        if (!dense[i]) densities[i] = std::max(0.0, eps * affinities[i]);
      }
      return densities;
    }
    for (std::size_t i = 0; i < scopes.size(); ++i) dense[i] = dense[i] || affinities[i] == greatest;
  }
}

}  // namespace espalier
