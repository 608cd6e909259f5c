#include "experiments/pruning/uniform_width.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/rounded_share.h"
#include "experiments/pruning/aligned_counts.h"
#include "experiments/pruning/coupled_scopes.h"

// Multiply-adds rise with the share, in steps: where the rounded count of some scope does. These shares are listed, and
// the list is searched.

namespace espalier {

using Kind = Granularity::Kind;

namespace {

/// Every share from which on some scope keeps one unit more, and the least, rising.
std::vector<double> steps_of_shares(const std::vector<PruneScope>& scopes) {
  std::set<double> shares{0};
  for (const PruneScope& scope : scopes) {
    for (std::int64_t count = 1; count <= scope.units; ++count)
      shares.insert((static_cast<double>(count) - 0.5) / static_cast<double>(scope.units));
  }
  return {shares.begin(), shares.end()};
}

std::vector<RemovedUnits> without_share(const std::vector<PruneScope>& scopes, std::int64_t align, double share) {
  std::vector<RemovedUnits> removed;
  for (const PruneScope& scope : scopes) {
    const AlignedScope counts{unit_multiple(scope, align), scope.units};
    const std::int64_t kept = aligned_count(rounded_share(scope.units, share), counts);
    if (kept == scope.units) continue;
    std::vector<bool> leaves(static_cast<std::size_t>(scope.units), true);
    std::fill_n(leaves.begin(), kept, false);
    removed.push_back({scope, std::move(leaves)});
  }
  return removed;
}

}  // namespace

std::vector<PruneScope> narrow_scopes(const ModelDescription& model, const Granularity& granularity,
                                      const std::vector<std::string>& protect) {
  std::vector<PruneScope> scopes;
  if (model.graph && granularity.kind != Kind::head) scopes = channel_scopes(*model.graph);
  if (model.graph && granularity.kind != Kind::channel)
    std::ranges::move(head_scopes(*model.graph), std::back_inserter(scopes));
  std::erase_if(scopes, [&](const PruneScope& scope) {
    return std::ranges::any_of(scope.members, [&](const ScopeMember& member) {
      return !member.reads() && std::ranges::find(protect, member.layer) != protect.end();
    });
  });
  if (!scopes.empty()) return scopes;
  throw Error(ErrorKind::invalid_input,
              "model: " + model.name +
                  " cannot be made narrow: it has no channels or heads that could go, or they are protected");
}

std::int64_t madds_without(const ModelDescription& model, const std::vector<RemovedUnits>& units) {
  return count_model(model_without(model, units)).madds;
}

std::vector<RemovedUnits> narrowed_evenly(const ModelDescription& model, const std::vector<PruneScope>& scopes,
                                          std::int64_t align, std::int64_t madds) {
  const std::vector<double> shares = steps_of_shares(scopes);
  const auto madds_at = [&](double share) { return madds_without(model, without_share(scopes, align, share)); };
  const auto above = std::ranges::partition_point(shares, [&](double share) { return madds_at(share) <= madds; });
  if (above == shares.begin()) return without_share(scopes, align, shares.front());
  const double below = *std::prev(above);
  const bool is_nearer = above != shares.end() && madds_at(*above) - madds < madds - madds_at(below);
  return without_share(scopes, align, is_nearer ? *above : below);
}

}  // namespace espalier
