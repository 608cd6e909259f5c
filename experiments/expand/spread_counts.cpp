#include "experiments/expand/spread_counts.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "experiments/expand/kept_counts.h"

namespace espalier {

using Counts = std::vector<std::int64_t>;

std::vector<AllocationScope> allocation_scopes(const std::vector<PruneScope>& scopes,
                                               const std::vector<PrunableLayer>& layers) {
  std::vector<AllocationScope> made;
  for (const PruneScope& scope : scopes) {
    AllocationScope one{scope.name, scope.units, {}};
    const auto layer = std::ranges::find(layers, scope.name, &PrunableLayer::name);
    if (scope.members.size() == 1 && layer != layers.end()) one.shape = layer->shape;
    made.push_back(std::move(one));
  }
  return made;
}

Counts spread_counts(const Allocation& allocation, const std::vector<AllocationScope>& scopes, std::int64_t total,
                     const Counts& most) {
  total = std::min(total, std::accumulate(most.begin(), most.end(), std::int64_t{0}));
  std::vector<double> quotas = allocation.densities(scopes, static_cast<double>(total));
  for (std::size_t i = 0; i < quotas.size(); ++i) quotas[i] *= static_cast<double>(scopes[i].units);
  return apportion(quotas, total, Counts(quotas.size(), 0), most);
}

std::vector<AlignedScope> aligned_scopes(const std::vector<PruneScope>& scopes, std::int64_t align,
                                         const Counts& most) {
  std::vector<AlignedScope> made;
  for (std::size_t i = 0; i < scopes.size(); ++i) made.push_back({unit_multiple(scopes[i], align), most[i]});
  return made;
}

std::optional<OperatingPoint> spread_by_erk(const OperatingPoint& point, const std::vector<PruneScope>& scopes,
                                            const std::vector<PrunableLayer>& layers, std::int64_t align) {
  const std::vector<AllocationScope> shapes = allocation_scopes(scopes, layers);
  Counts most;
  for (const AllocationScope& scope : shapes) {
    if (scope.shape.empty()) return std::nullopt;
    most.push_back(scope.units);
  }
  OperatingPoint made{point.sparsity_target, {}};
  for (const PruneTarget& round : point.rounds) {
    Counts counts = spread_counts(allocation_erk(), shapes, round.total_kept, most);
    if (align > 1) counts = aligned_counts(counts, aligned_scopes(scopes, align, most), round.total_kept);
    most = std::move(counts);
    PruneTarget target;
    target.total_kept = std::accumulate(most.begin(), most.end(), std::int64_t{0});
    target.layer_kept = most;
    made.rounds.push_back(std::move(target));
  }
  return made;
}

}  // namespace espalier
