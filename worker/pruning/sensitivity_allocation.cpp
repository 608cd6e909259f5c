#include "worker/pruning/sensitivity_allocation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>

#include "base/error.h"
#include "experiments/expand/kept_counts.h"
#include "experiments/pruning/aligned_counts.h"

namespace espalier {
namespace {

constexpr double kWorst = 1e6;        // nats; what a loss that is no number counts as
constexpr double kSmallQuota = 1e-9;  // of a scope's units: nothing is scaled from zero

/// The rise of one scope's loss, never falling, as a polyline over [0, 1].
struct Rise {
  std::vector<double> sparsity, rise;

  Rise(const std::vector<double>& sparsities, const std::vector<double>& losses) : sparsity(sparsities) {
    double highest = 0;
    for (const double loss : losses) {
      const double risen = loss - losses.front();
      highest = std::max(highest, std::isfinite(risen) ? std::min(risen, kWorst) : kWorst);
      rise.push_back(highest);
    }
    rise.front() = 0;
    if (sparsity.back() >= 1) return;
    // Beyond what was measured, density falls alike in all scopes: where curves end flat, none is emptied for the
    // others.
    rise.push_back(kWorst);
    sparsity.push_back(1);
  }

  double largest_sparsity(double tolerance) const {
    for (std::size_t i = sparsity.size(); i-- > 0;) {
      if (rise[i] > tolerance) continue;
      if (i + 1 == sparsity.size()) return 1;
      const double part = (tolerance - rise[i]) / (rise[i + 1] - rise[i]);
      return sparsity[i] + part * (sparsity[i + 1] - sparsity[i]);
    }
    return 0;
  }
};

}  // namespace

std::vector<std::int64_t> allocate_by_sensitivity(const SensitivityCurves& curves, std::int64_t total,
                                                  std::span<const std::int64_t> most) {
  const std::size_t scopes = curves.units.size();
  if (most.size() != scopes || curves.losses.size() != scopes || curves.sparsities.empty() ||
      std::ranges::any_of(curves.losses, [&](const auto& curve) { return curve.size() != curves.sparsities.size(); }))
    throw Error(ErrorKind::internal, "sensitivity curves are of other scopes than those to be pruned");
  if (std::reduce(most.begin(), most.end()) < total || total < 0) {
    throw Error(ErrorKind::invalid_input,
                "allocation: sensitivity: " + std::to_string(total) + " units cannot be kept; fewer are left");
  }
  std::vector<Rise> rises;
  double high = 0;
  for (const auto& curve : curves.losses) {
    rises.emplace_back(curves.sparsities, curve);
    high = std::max(high, rises.back().rise.back());
  }
  std::vector<double> quotas(scopes);
  const auto fill = [&](double tolerance) {
    double sum = 0;
    for (std::size_t i = 0; i < scopes; ++i) {
      quotas[i] =
          static_cast<double>(curves.units[i]) * std::max(1 - rises[i].largest_sparsity(tolerance), kSmallQuota);
      sum += quotas[i];
    }
    return sum;
  };
  double low = 0;
  for (int step = 0; step < 200; ++step) {  // until both are neighbours
    const double middle = low + (high - low) / 2;
    (fill(middle) > static_cast<double>(total) ? low : high) = middle;
  }
  fill(high);
  const bool each_has_one = total >= static_cast<std::int64_t>(scopes);
  std::vector<std::int64_t> least;
  for (const std::int64_t units : most) least.push_back(each_has_one ? std::min<std::int64_t>(1, units) : 0);
  return apportion(quotas, total, least, most);
}

std::vector<std::int64_t> counts_by_sensitivity(const SensitivityCurves& curves, const PruneTarget& target,
                                                std::span<const std::int64_t> left) {
  if (left.size() != curves.units.size() || curves.losses.size() != left.size())
    throw Error(ErrorKind::internal, "sensitivity curves are of other scopes than those to be pruned");
  const bool one = target.layer_ranking.empty();
  std::vector<std::int64_t> counts(left.size(), 0);
  for (std::size_t ranking = 0; ranking < (one ? 1 : target.ranking_kept.size()); ++ranking) {
    SensitivityCurves rivals{curves.sparsities, {}, {}};
    std::vector<std::size_t> places;
    std::vector<std::int64_t> most;
    std::vector<AlignedScope> scopes;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!one && target.layer_ranking.at(i) != static_cast<std::int64_t>(ranking)) continue;
      places.push_back(i);
      rivals.losses.push_back(curves.losses[i]);
      rivals.units.push_back(curves.units[i]);
      most.push_back(left[i]);
      scopes.push_back({target.layer_multiple.empty() ? 1 : target.layer_multiple.at(i), left[i]});
    }
    std::int64_t total = one ? target.total_kept : target.ranking_kept[ranking];
    // A round of multiples may have left less than this one asks for.
    if (!target.layer_multiple.empty()) total = std::min(total, std::reduce(most.begin(), most.end()));
    std::vector<std::int64_t> kept = allocate_by_sensitivity(rivals, total, most);
    if (!target.layer_multiple.empty()) kept = aligned_counts(kept, scopes, total);
    for (std::size_t i = 0; i < places.size(); ++i) counts[places[i]] = kept[i];
  }
  return counts;
}

}  // namespace espalier
