#include "experiments/expand/operating_points.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/rounded_share.h"
#include "experiments/catalog/catalog.h"
#include "experiments/expand/aligned_points.h"
#include "experiments/expand/kept_bounds.h"
#include "experiments/expand/kept_counts.h"
#include "experiments/expand/name_patterns.h"
#include "experiments/expand/scope_rankings.h"
#include "experiments/expand/scope_ratios.h"
#include "experiments/expand/spread_counts.h"
#include "experiments/pruning/aligned_counts.h"
#include "experiments/pruning/allocations/allocations.h"
#include "experiments/pruning/schedules/schedules.h"
#include "experiments/pruning/scope_structure.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Counts = std::vector<std::int64_t>;

/// What is counted together: the whole network, a layer, or one of a layer's rows.
struct UnitBudget {
  std::string name;
  std::int64_t total = 0;
  std::int64_t times = 1;  ///< rows
  double sparsity = 0;
  double rate = 0;
};

double fraction_removed(std::int64_t kept, std::int64_t total) {
  constexpr double kDecimals = 1e6;
  return std::round((1 - static_cast<double>(kept) / static_cast<double>(total)) * kDecimals) / kDecimals;
}

class PointMaker {
 public:
  PointMaker(const PointsQuestion& question, Problems& problems)
      : question_(question), setting_(question.setting), problems_(problems) {
    for (const PruneScope& scope : question.scopes) {
      names_.push_back(scope.name);
      units_.push_back(scope.units);
      all_ += scope.units;
    }
    std::int64_t weights = 0;
    for (const PruneScope& scope : question.scopes) weights += scope.weights;
    for (const PrunableLayer& layer : question.layers) aside_ += layer.weights;
    aside_ -= weights;
  }

  std::vector<OperatingPoint> make() {
    if (!set_target() || !set_rounds() || !set_rankings()) return {};
    std::vector<Counts> counts = by_shape() && !by_own_rule() ? counts_by_shape() : counts_by_budget();
    if (found_.empty()) bounds_ = apply_kept_bounds(question_, rankings_, one_ranking(), counts, found_);
    const bool holds_total = !one_ranking() && (by_shape() || !bounds_.most.empty());
    if (found_.empty()) align_counts(question_, rankings_, bounds_, holds_total, counts, found_);
    if (found_.empty()) refuse_nothing_left(counts);
    if (found_.empty()) refuse_nothing_removed(counts.back());
    problems_.add_all(found_);
    if (!found_.empty()) return {};
    return points(counts);
  }

 private:
  bool is_table() const { return setting_.allocation.name == "table"; }
  bool one_ranking() const { return knows_total_only(setting_.allocation) && !is_pattern(); }
  bool is_pattern() const { return setting_.granularity.kind == Kind::n_of_m; }
  bool by_shape() const { return has(setting_.allocation.name, AllocationProperty::by_shape); }
  bool by_own_rule() const { return setting_.dialect.has_value(); }
  bool has_target() const { return is_table() || target_.has_value(); }

  void refuse(const KeyPlace& place, std::string message) { found_.add(place, std::move(message)); }

  /// What a sparsity means for the units.
  bool set_target() {
    target_ = setting_.sparsity;
    if (is_pattern()) {
      target_ = 1 - static_cast<double>(setting_.granularity.kept) / static_cast<double>(setting_.granularity.of);
    }
    counted_ = target_;
    if (!target_ || !setting_.dialect || !setting_.dialect->of_all_parameters) return true;
    const double density = density_of_prunable(question_.parameters, all_, *target_);
    if (density > 0 && density <= 1) {
      counted_ = 1 - density;
      return true;
    }
    problems_.add(
        question_.sparsity_place,
        fmt::format("of all {} parameters, as dialect {} counts, {} can be pruned, which is not sparsity {:.6g}",
                    question_.parameters, setting_.dialect_name, all_, *target_));
    return false;
  }

  bool set_rounds() {
    const ScheduleSetting& schedule = setting_.schedule;
    if (question_.gradual) {
      progress_ = question_.gradual->progress;
      return true;
    }
    std::optional<std::int64_t> rounds = schedule.rounds;
    if (schedule.rounds == 0) rounds = rounds_to_reach(counted_.value_or(0), schedule.rate, kMostRounds);
    if (!rounds) {
      problems_.add(schedule.place, fmt::format("would need more than {} rounds; raise the rate", kMostRounds));
      return false;
    }
    for (std::int64_t round = 1; round <= *rounds; ++round) {
      progress_.push_back(static_cast<double>(round) / static_cast<double>(*rounds));
    }
    return true;
  }

  void apply_shares(std::vector<UnitBudget>& budgets, const std::vector<LayerShare>& shares,
                    double UnitBudget::*field) {
    for (const LayerShare& share : shares) {
      for (const std::size_t i : find_matches(share.layer, names_, share.place, found_)) {
        budgets[i].*field = share.share;
      }
    }
  }

  /// What is counted together.
  bool set_rankings() {
    ratios_.resize(units_.size());
    Problems found;
    if (setting_.ratios) {
      ratios_ = scope_ratios(*setting_.ratios, question_.scopes, question_.layers,
                             units_word(setting_.granularity.kind), found);
    }
    if (found.empty() && std::ranges::all_of(ratios_, [](const auto& ratio) { return ratio.has_value(); })) {
      found.add(question_.keys.ratios_place,
                "ratios name every layer, which leaves none for sparsity; write them as allocation: {...} instead");
    }
    problems_.add_all(found);
    std::vector<std::size_t> competes;
    if (one_ranking()) competes = competing();
    rankings_ = scope_rankings(question_.scopes, ratios_, competes);
    for (std::size_t i = 0; i < units_.size(); ++i)
      if (!ratios_[i]) free_.push_back(i);
    return found.empty();
  }

  /// As Allocation::rankings, of an allocation with rankings.
  std::vector<std::size_t> competing() const {
    const Allocation allocation = find_allocation(setting_.allocation.name);
    if (allocation.rankings == nullptr) return std::vector<std::size_t>(units_.size(), 0);
    std::vector<AllocationScope> scopes = allocation_scopes(question_.scopes, question_.layers);
    if (question_.graph != nullptr) {
      std::vector<std::string> structures = structures_of(*question_.graph, question_.scopes);
      for (std::size_t i = 0; i < scopes.size(); ++i) scopes[i].structure = std::move(structures[i]);
    }
    return allocation.rankings(scopes);
  }

  /// In the order of rankings_.
  std::vector<UnitBudget> budgets() {
    const ScheduleSetting& schedule = setting_.schedule;
    const bool rows = has(setting_.allocation.name, AllocationProperty::by_row);
    std::vector<UnitBudget> made;
    for (const ScopeRanking& ranking : rankings_) {
      const std::int64_t times = rows ? question_.scopes[ranking.scopes[0]].rows : 1;
      const double sparsity = is_table() ? 0 : ranking.ratio.value_or(counted_.value_or(0));
      made.push_back({ranking.name, ranking.units / times, times, sparsity, schedule.rate});
    }
    if (one_ranking()) {
      if (!schedule.rates.empty()) refuse_rates();
      return made;
    }
    apply_shares(made, setting_.allocation.table, &UnitBudget::sparsity);
    apply_shares(made, schedule.rates, &UnitBudget::rate);
    if (by_shape() && by_own_rule()) set_sparsities_by_shape(made);
    return made;
  }

  void refuse_rates() {
    refuse(setting_.schedule.place, "rates by layer need allocation: uniform, not " + setting_.allocation.name);
  }

  /// The final densities, as a dialect asks for them; every layer then follows the schedule by itself.
  void set_sparsities_by_shape(std::vector<UnitBudget>& budgets) {
    const std::vector<AllocationScope> scopes = allocation_scopes(question_.scopes, question_.layers);
    double kept = 0;
    for (const UnitBudget& budget : budgets) {
      const auto units = static_cast<double>(budget.total);
      kept +=
          setting_.dialect->floors_budget ? units - std::floor(budget.sparsity * units) : units * (1 - budget.sparsity);
    }
    const std::vector<double> densities = find_allocation(setting_.allocation.name).densities(scopes, kept);
    for (std::size_t i = 0; i < budgets.size(); ++i) budgets[i].sparsity = 1 - densities[i];
  }

  double density(const UnitBudget& budget, std::size_t round) const {
    const ScheduleSetting& schedule = setting_.schedule;
    if (schedule.rate > 0) {
      const double density = std::pow(1 - budget.rate, static_cast<double>(round + 1));
      return has_target() ? std::max(density, 1 - budget.sparsity) : density;
    }
    return density_after(schedule.name, budget.sparsity, progress_[round], schedule.initial);
  }

  Counts counts_as_a_peer(const UnitBudget& budget) {
    Counts kept;
    CountQuestion round;
    round.total = round.present = budget.total;
    round.aside = one_ranking() ? aside_ : 0;
    double before = 1;
    for (std::size_t i = 0; i < progress_.size(); ++i) {
      round.density = density(budget, i);
      round.share = 1 - round.density / before;
      if (progress_.size() == 1) round.share = has_target() ? budget.sparsity : budget.rate;
      const bool by_rate = setting_.schedule.rate > 0 && (!has_target() || round.density > 1 - budget.sparsity);
      if (by_rate) round.share = budget.rate;
      kept.push_back(std::max<std::int64_t>(0, setting_.dialect->kept(round)));
      round.present = kept.back();
      before = round.density;
    }
    return kept;
  }

  Counts counts_of(const UnitBudget& budget) {
    const auto rounds = static_cast<std::int64_t>(progress_.size());
    if (is_pattern()) return {budget.total / setting_.granularity.of * setting_.granularity.kept};
    if (setting_.dialect) return counts_as_a_peer(budget);
    if (!has_target()) return kept_by_rate(budget.total, budget.rate, rounds);
    if (setting_.schedule.rate > 0) return kept_by_rate_to(budget.total, budget.rate, rounds, budget.sparsity);
    Counts kept;
    for (std::size_t round = 0; round < progress_.size(); ++round) {
      const double share = round + 1 < progress_.size() ? density(budget, round) : 1 - budget.sparsity;
      kept.push_back(rounded_share(budget.total, share));
    }
    return kept;
  }

  /// By round, then by ranking: by scope, where each is counted by itself.
  std::vector<Counts> counts_by_budget() {
    std::vector<Counts> counts(progress_.size());
    for (const UnitBudget& budget : budgets()) {
      const Counts kept = counts_of(budget);
      for (std::size_t round = 0; round < kept.size(); ++round) counts[round].push_back(kept[round] * budget.times);
    }
    return counts;
  }

  /// The total of every round is exact, and spread anew over the scopes without a ratio.
  std::vector<Counts> counts_by_shape() {
    if (!setting_.schedule.rates.empty()) refuse_rates();
    const Counts totals =
        counts_of({"the network", sum_of(picked(units_, free_)), 1, counted_.value_or(0), setting_.schedule.rate});
    const auto scopes = picked(allocation_scopes(question_.scopes, question_.layers), free_);
    std::vector<Counts> counts = counts_by_budget();
    Counts most = picked(units_, free_);
    for (std::size_t round = 0; round < counts.size(); ++round) {
      most = spread_counts(find_allocation(setting_.allocation.name), scopes, totals[round], most);
      for (std::size_t i = 0; i < free_.size(); ++i) counts[round][free_[i]] = most[i];
    }
    return counts;
  }

  bool by_sparsity() const { return has_target() && !is_table() && !is_pattern(); }
  const KeyPlace& place_of_target() const {
    if (is_table()) return question_.keys.allocation_place;
    return by_sparsity() ? question_.sparsity_place : setting_.schedule.place;
  }

  void refuse_nothing_left(const std::vector<Counts>& counts) {
    const KeyPlace& place = place_of_target();
    for (std::size_t i = 0; i < counts.front().size(); ++i) {
      for (std::size_t round = 0; round < counts.size(); ++round) {
        if (counts[round][i] > 0) continue;
        refuse(rankings_[i].ratio ? question_.keys.ratios_place : place,
               fmt::format("leaves none of the {} {} of {} in round {}; prune less", rankings_[i].units,
                           units_word(setting_.granularity.kind), rankings_[i].name, round + 1));
        break;
      }
    }
  }

  bool asks_for_removal() const {
    const auto removes = [](const LayerShare& share) { return share.share > 0; };
    if (is_table()) return std::ranges::any_of(setting_.allocation.table, removes);
    return !has_target() || *target_ > 0;
  }

  /// Few units: a small sparsity of them rounds to none. For single weights so few are never meant.
  void refuse_nothing_removed(const Counts& kept) {
    if (setting_.granularity.kind == Kind::weight || is_pattern() || !asks_for_removal()) return;
    if (sum_of(kept) < all_) return;
    std::int64_t units = all_;
    std::string of = "the network";
    if (!one_ranking()) {
      const auto most = std::ranges::max_element(units_);
      units = *most;
      of = names_[static_cast<std::size_t>(most - units_.begin())] + (units_.size() > 1 ? ", nor any elsewhere" : "");
    }
    refuse(place_of_target(), fmt::format("{}removes none of the {} {} of {}; one of them is sparsity {:.6g}",
                                          by_sparsity() ? fmt::format("sparsity {:.6g} ", *target_) : "", units,
                                          units_word(setting_.granularity.kind), of, 1 / static_cast<double>(units)));
  }

  PruneTarget target_of(const Counts& counts, std::size_t round) const {
    PruneTarget target;
    target.total_kept = sum_of(counts);
    const bool one_of_all = one_ranking() && rankings_.size() == 1;
    if (!one_of_all && rankings_.size() == units_.size()) {
      target.layer_kept = counts;
      return target;
    }
    if (setting_.min_kept) target.layer_least = bounds_.least;
    if (setting_.max_kept) target.layer_most = bounds_.most[round];
    if (setting_.align > 1)
      for (const PruneScope& scope : question_.scopes)
        target.layer_multiple.push_back(unit_multiple(scope, setting_.align));
    if (one_of_all) return target;
    target.layer_ranking.resize(units_.size());
    for (std::size_t r = 0; r < rankings_.size(); ++r)
      for (const std::size_t i : rankings_[r].scopes) target.layer_ranking[i] = static_cast<std::int64_t>(r);
    target.ranking_kept = counts;
    return target;
  }

  std::vector<OperatingPoint> points(const std::vector<Counts>& counts) const {
    std::vector<PruneTarget> targets;
    for (std::size_t round = 0; round < counts.size(); ++round) targets.push_back(target_of(counts[round], round));
    std::vector<OperatingPoint> made;
    for (std::size_t end = has_target() ? targets.size() : 1; end <= targets.size(); ++end) {
      const double removed = fraction_removed(targets[end - 1].total_kept, all_);
      made.push_back({target_ && !is_table() ? *target_ : removed,
                      {targets.begin(), targets.begin() + static_cast<std::ptrdiff_t>(end)}});
    }
    return made;
  }

  const PointsQuestion& question_;
  const PruneSetting& setting_;
  Problems& problems_;
  Problems found_;
  std::vector<std::string> names_;
  Counts units_;
  std::int64_t all_ = 0;
  std::int64_t aside_ = 0;         // weights that no scope has
  std::optional<double> target_;   // as asked for
  std::optional<double> counted_;  // of the units
  std::vector<double> progress_;   // by round
  KeptBounds bounds_;
  std::vector<std::optional<double>> ratios_;  // by scope
  std::vector<std::size_t> free_;              // the scopes without a ratio
  std::vector<ScopeRanking> rankings_;
};

}  // namespace

std::vector<OperatingPoint> make_operating_points(const PointsQuestion& question, Problems& problems) {
  return PointMaker(question, problems).make();
}

}  // namespace espalier
