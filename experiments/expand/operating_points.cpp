#include "experiments/expand/operating_points.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/rounded_share.h"
#include "experiments/catalog/catalog.h"
#include "experiments/expand/kept_counts.h"
#include "experiments/expand/name_patterns.h"
#include "experiments/expand/spread_counts.h"
#include "experiments/pruning/allocations/allocations.h"
#include "experiments/pruning/schedules/schedules.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Counts = std::vector<std::int64_t>;

constexpr double kRoundingError = 1e-9;

/// What is counted together: the whole network, a layer, or one of a layer's rows.
struct UnitBudget {
  std::string name;
  std::int64_t total = 0;
  std::int64_t times = 1;  ///< rows
  double sparsity = 0;
  double rate = 0;
};

std::string_view units_word(Kind kind) {
  switch (kind) {
    case Kind::block:
    case Kind::layer:
      return "blocks";
    case Kind::row:
      return "rows";
    case Kind::filter:
      return "filters";
    case Kind::channel:
      return "channels";
    case Kind::head:
      return "heads";
    default:
      return "weights";
  }
}

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
    if (!set_target() || !set_rounds()) return {};
    std::vector<Counts> counts = by_shape() && !by_own_rule() ? counts_by_shape() : counts_by_budget();
    if (found_.empty()) apply_bounds(counts);
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

  std::vector<UnitBudget> budgets() {
    const ScheduleSetting& schedule = setting_.schedule;
    if (one_ranking()) {
      if (!schedule.rates.empty()) {
        refuse(schedule.place, "rates by layer need allocation: uniform, not " + setting_.allocation.name);
      }
      return {{"the network", all_, 1, counted_.value_or(0), schedule.rate}};
    }
    const bool rows = has(setting_.allocation.name, AllocationProperty::by_row);
    std::vector<UnitBudget> made;
    for (const PruneScope& scope : question_.scopes) {
      const std::int64_t times = rows ? scope.rows : 1;
      made.push_back({scope.name, scope.units / times, times, is_table() ? 0 : counted_.value_or(0), schedule.rate});
    }
    apply_shares(made, setting_.allocation.table, &UnitBudget::sparsity);
    apply_shares(made, schedule.rates, &UnitBudget::rate);
    if (by_shape()) set_sparsities_by_shape(made);
    return made;
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

  /// By round, then by scope; with one ranking the total alone.
  std::vector<Counts> counts_by_budget() {
    std::vector<Counts> counts(progress_.size());
    for (const UnitBudget& budget : budgets()) {
      const Counts kept = counts_of(budget);
      for (std::size_t round = 0; round < kept.size(); ++round) counts[round].push_back(kept[round] * budget.times);
    }
    return counts;
  }

  /// The total of every round is exact and spread anew.
  std::vector<Counts> counts_by_shape() {
    const Counts totals = counts_of({"the network", all_, 1, counted_.value_or(0), setting_.schedule.rate});
    if (!setting_.schedule.rates.empty()) {
      refuse(setting_.schedule.place, "rates by layer need allocation: uniform, not " + setting_.allocation.name);
    }
    const std::vector<AllocationScope> scopes = allocation_scopes(question_.scopes, question_.layers);
    std::vector<Counts> counts;
    for (const std::int64_t total : totals) {
      counts.push_back(spread_counts(find_allocation(setting_.allocation.name), scopes, total,
                                     counts.empty() ? units_ : counts.back()));
    }
    return counts;
  }

  Counts bounds(const std::optional<BoundSetting>& setting, bool least) {
    Counts counts = least ? Counts(units_.size(), 0) : units_;
    for (const LayerShare& bound : setting ? setting->layers : std::vector<LayerShare>{}) {
      for (const std::size_t i : find_matches(bound.layer, names_, bound.place, found_)) {
        const double of_units = bound.share * static_cast<double>(units_[i]);
        const double exact = bound.share >= 1 ? bound.share
                             : least          ? std::ceil(of_units - kRoundingError)
                                              : std::floor(of_units + kRoundingError);
        counts[i] = std::min(units_[i], static_cast<std::int64_t>(exact));
      }
    }
    return counts;
  }

  void apply_bounds(std::vector<Counts>& counts) {
    if (!setting_.min_kept && !setting_.max_kept) return;
    least_ = bounds(setting_.min_kept, true);
    const Counts most = bounds(setting_.max_kept, false);
    if (!found_.empty()) return;
    const std::string_view units = units_word(setting_.granularity.kind);
    for (std::size_t i = 0; i < most.size(); ++i) {
      if (least_[i] <= most[i]) continue;
      refuse(question_.keys.min_kept_place,
             fmt::format("keeps at least {} {} of {}, where max_kept allows {}", least_[i], units, names_[i], most[i]));
      return;
    }
    const auto sum = [](const Counts& values) {
      return std::accumulate(values.begin(), values.end(), std::int64_t{0});
    };
    const std::int64_t final_total = sum(counts.back());
    if (sum(least_) > final_total) {
      refuse(question_.keys.min_kept_place,
             fmt::format("keeps at least {} {}, but sparsity leaves {}; prune less, or lower it", sum(least_), units,
                         final_total));
    } else if (sum(most) < final_total) {
      refuse(question_.keys.max_kept_place,
             fmt::format("keeps at most {} {}, but sparsity leaves {}; prune more, or raise it", sum(most), units,
                         final_total));
    }
    if (!found_.empty()) return;
    for (Counts& round : counts) {
      most_.push_back(relaxed(most, sum(round), final_total));
      if (one_ranking()) continue;
      Counts cap = most_.back();
      if (&round != &counts.front()) {
        for (std::size_t i = 0; i < cap.size(); ++i) cap[i] = std::min(cap[i], (&round)[-1][i]);
      }
      round = apportion(std::vector<double>(round.begin(), round.end()), sum(round), least_, cap);
    }
  }

  /// The most of a round on the way: as far from all units as the round's total is on its way to the last.
  Counts relaxed(const Counts& most, std::int64_t total, std::int64_t final_total) const {
    const double way =
        all_ == final_total ? 1.0 : static_cast<double>(all_ - total) / static_cast<double>(all_ - final_total);
    Counts made;
    for (std::size_t i = 0; i < most.size(); ++i) {
      const double away = static_cast<double>(units_[i] - most[i]) * way;
      made.push_back(units_[i] - static_cast<std::int64_t>(std::floor(away + kRoundingError)));
    }
    return made;
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
        refuse(place, fmt::format("leaves none of the {} {} of {} in round {}; prune less",
                                  one_ranking() ? all_ : units_[i], units_word(setting_.granularity.kind),
                                  one_ranking() ? "the network" : names_[i], round + 1));
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
    if (std::accumulate(kept.begin(), kept.end(), std::int64_t{0}) < all_) return;
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

  std::vector<OperatingPoint> points(const std::vector<Counts>& counts) const {
    std::vector<PruneTarget> targets;
    for (std::size_t round = 0; round < counts.size(); ++round) {
      PruneTarget target;
      target.total_kept = std::accumulate(counts[round].begin(), counts[round].end(), std::int64_t{0});
      if (!one_ranking()) {
        target.layer_kept = counts[round];
      } else if (!most_.empty()) {
        if (setting_.min_kept) target.layer_least = least_;
        if (setting_.max_kept) target.layer_most = most_[round];
      }
      targets.push_back(std::move(target));
    }
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
  Counts least_;
  std::vector<Counts> most_;  // by round
};

}  // namespace

std::vector<OperatingPoint> make_operating_points(const PointsQuestion& question, Problems& problems) {
  return PointMaker(question, problems).make();
}

}  // namespace espalier
