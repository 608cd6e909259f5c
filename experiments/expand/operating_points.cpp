#include "experiments/expand/operating_points.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/suggest.h"
#include "experiments/expand/kept_counts.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostRounds = 1'000;

/// What is counted together: the whole network, or a layer.
struct Budget {
  std::string name;
  std::int64_t total = 0;
  double sparsity = 0;
  double rate = 0;
};

void apply_shares(std::vector<Budget>& budgets, const std::vector<LayerShare>& shares, double Budget::*field,
                  Problems& problems) {
  std::vector<std::string> names;
  for (const Budget& budget : budgets) names.push_back(budget.name);
  for (const LayerShare& share : shares) {
    const auto found = std::ranges::find(names, share.layer);
    if (found == names.end()) {
      problems.add(share.place, "the model has no such layer: " + unknown_name(share.layer, names));
    } else {
      budgets[static_cast<std::size_t>(found - names.begin())].*field = share.share;
    }
  }
}

std::vector<Budget> make_budgets(const std::vector<PrunableLayer>& layers, double sparsity,
                                 const AllocationSetting& allocation, const ScheduleSetting& schedule,
                                 Problems& problems) {
  std::vector<Budget> budgets;
  if (allocation.name == "global") {
    Budget whole{"the network", 0, sparsity, schedule.rate};
    for (const PrunableLayer& layer : layers) whole.total += layer.weights;
    if (!schedule.rates.empty()) problems.add(schedule.place, "rates by layer need allocation: uniform, not global");
    return {whole};
  }
  const bool is_table = allocation.name == "table";
  for (const PrunableLayer& layer : layers) {
    budgets.push_back({layer.name, layer.weights, is_table ? 0 : sparsity, schedule.rate});
  }
  apply_shares(budgets, allocation.table, &Budget::sparsity, problems);
  apply_shares(budgets, schedule.rates, &Budget::rate, problems);
  return budgets;
}

std::vector<std::int64_t> kept_of(const Budget& budget, const ScheduleSetting& schedule, bool has_target,
                                  std::int64_t rounds) {
  if (!has_target) return kept_by_rate(budget.total, budget.rate, rounds);
  if (schedule.rate > 0) return kept_by_rate_to(budget.total, budget.rate, rounds, budget.sparsity);
  return kept_by_schedule(budget.total, schedule.name, budget.sparsity, rounds);
}

void refuse_nothing_left(const Budget& budget, const std::vector<std::int64_t>& kept, const KeyPlace& place,
                         Problems& problems) {
  const auto empty = std::ranges::find(kept, 0);
  if (empty == kept.end()) return;
  problems.add(place, fmt::format("leaves none of the {} weights of {} in round {}; prune less", budget.total,
                                  budget.name, empty - kept.begin() + 1));
}

double fraction_removed(std::int64_t kept, std::int64_t total) {
  constexpr double kDecimals = 1e6;
  return std::round((1 - static_cast<double>(kept) / static_cast<double>(total)) * kDecimals) / kDecimals;
}

}  // namespace

std::vector<OperatingPoint> make_operating_points(const std::vector<PrunableLayer>& layers,
                                                  std::optional<double> sparsity, const AllocationSetting& allocation,
                                                  const ScheduleSetting& schedule, const KeyPlace& sparsity_place,
                                                  Problems& problems) {
  const bool is_table = allocation.name == "table";
  const bool has_target = is_table || sparsity.has_value();
  std::optional<std::int64_t> rounds = schedule.rounds;
  if (schedule.rounds == 0) rounds = rounds_to_reach(sparsity.value_or(0), schedule.rate, kMostRounds);
  if (!rounds) {
    problems.add(schedule.place, fmt::format("would need more than {} rounds; raise the rate", kMostRounds));
    return {};
  }
  Problems found;
  const KeyPlace& place = has_target && !is_table ? sparsity_place : schedule.place;
  std::vector<PruneTarget> targets(static_cast<std::size_t>(*rounds));
  std::int64_t total = 0;
  for (const Budget& budget : make_budgets(layers, sparsity.value_or(0), allocation, schedule, found)) {
    const std::vector<std::int64_t> kept = kept_of(budget, schedule, has_target, *rounds);
    refuse_nothing_left(budget, kept, place, found);
    total += budget.total;
    for (std::size_t round = 0; round < kept.size(); ++round) {
      targets[round].total_kept += kept[round];
      if (allocation.name != "global") targets[round].layer_kept.push_back(kept[round]);
    }
  }
  problems.add_all(found);
  if (!found.empty()) return {};
  std::vector<OperatingPoint> points;
  for (std::size_t end = has_target ? targets.size() : 1; end <= targets.size(); ++end) {
    const double removed = fraction_removed(targets[end - 1].total_kept, total);
    points.push_back({sparsity && !is_table ? *sparsity : removed,
                      {targets.begin(), targets.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
  return points;
}

}  // namespace espalier
