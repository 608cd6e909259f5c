#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

// How a budget is spread over scopes. Each allocation of catalog/allocations.def is one file beside this one:
// `allocation_NAME`.

/// What an allocation knows of a scope.
struct AllocationScope {
  std::string name;
  std::int64_t units = 0;
  std::vector<std::int64_t> shape;  ///< of the layer's weight; empty where the scope is not one layer
  std::string structure = {};       ///< as structures_of has it; "" of a model whose operators are not known
};

struct Allocation {
  std::string_view ranking = {};  ///< PruneSpec::ranking
  /// The share of its units that each scope keeps, such that `kept` units stay in all; null for one_ranking and
  /// by_curves, whose counts come out of scores and curves: only the total is requested.
  std::vector<double> (*densities)(std::span<const AllocationScope> scopes, double kept) = nullptr;
  /// Of one_ranking: which ranking each scope competes in, numbered by their first scopes; null: one of all.
  std::vector<std::size_t> (*rankings)(std::span<const AllocationScope> scopes) = nullptr;
};

#define ESPALIER_ALLOCATION(name, ...) Allocation allocation_##name();
#include "experiments/catalog/allocations.def"
#undef ESPALIER_ALLOCATION

/// Errors: ErrorKind::internal for a name that the catalog lacks (the parser refuses it before).
Allocation find_allocation(std::string_view name);

/// kept / all units, for every scope.
std::vector<double> equal_densities(std::span<const AllocationScope> scopes, double kept);

/// Density of scope l = eps * affinity_l, at most 1: scopes that eps would fill beyond that are dense, all that have
/// the greatest affinity at a time, and eps is found again for the others, until kept = sum over l of density_l *
/// units_l. `kept` is at most the number of units. As JaxPruner redistributes (Lee et al. 2023, arXiv:2304.14082).
std::vector<double> densities_by_affinity(std::span<const AllocationScope> scopes, std::span<const double> affinities,
                                          double kept);

}  // namespace espalier
