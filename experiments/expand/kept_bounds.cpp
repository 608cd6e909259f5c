#include "experiments/expand/kept_bounds.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "experiments/expand/kept_counts.h"
#include "experiments/expand/name_patterns.h"
#include "experiments/pruning/aligned_counts.h"

namespace espalier {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr double kBoundError = 1e-9;

/// Scopes among which a bound of one moves what the others keep, and the rankings that count them.
struct SharedBudget {
  std::vector<std::size_t> scopes, rankings;

  std::int64_t kept(const Counts& counts) const { return sum_of(picked(counts, rankings)); }
};

class BoundSetter {
 public:
  BoundSetter(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, bool compete,
              Problems& problems)
      : question_(question), setting_(question.setting), compete_(compete), problems_(problems) {
    for (const PruneScope& scope : question.scopes) {
      names_.push_back(scope.name);
      units_.push_back(scope.units);
    }
    for (std::size_t r = 0; r < rankings.size(); ++r) {
      if (rankings[r].ratio) {
        with_ratio_.push_back(rankings[r].scopes[0]);
        continue;
      }
      if (compete || budgets_.empty()) budgets_.emplace_back();
      SharedBudget& budget = budgets_.back();
      budget.scopes.insert(budget.scopes.end(), rankings[r].scopes.begin(), rankings[r].scopes.end());
      budget.rankings.push_back(r);
    }
  }

  KeptBounds set(std::vector<Counts>& counts) {
    KeptBounds made{bounds(setting_.min_kept, true), {}};
    Counts most = bounds(setting_.max_kept, false);
    for (const std::size_t scope : with_ratio_) {
      made.least[scope] = 0;
      most[scope] = units_[scope];
    }
    if (found_.empty()) align(made.least, most);
    if (found_.empty()) check(made.least, most, counts.back());
    problems_.add_all(found_);
    if (!found_.empty()) return made;
    for (std::size_t round = 0; round < counts.size(); ++round) {
      Counts& relaxed = made.most.emplace_back(units_);
      for (const SharedBudget& budget : budgets_) {
        relax(budget, most, budget.kept(counts[round]), budget.kept(counts.back()), relaxed);
        if (!compete_) redistribute(budget, made.least, relaxed, round > 0 ? counts[round - 1] : units_, counts[round]);
      }
    }
    return made;
  }

 private:
  void refuse(const KeyPlace& place, std::string message) { found_.add(place, std::move(message)); }
  std::string_view units() const { return units_word(setting_.granularity.kind); }

  Counts bounds(const std::optional<BoundSetting>& setting, bool least) {
    Counts counts = least ? Counts(units_.size(), 0) : units_;
    for (const LayerShare& bound : setting ? setting->layers : std::vector<LayerShare>{}) {
      for (const std::size_t i : find_matches(bound.layer, names_, bound.place, found_)) {
        const double of_units = bound.share * static_cast<double>(units_[i]);
        const double exact = bound.share >= 1 ? bound.share
                             : least          ? std::ceil(of_units - kBoundError)
                                              : std::floor(of_units + kBoundError);
        counts[i] = std::min(units_[i], static_cast<std::int64_t>(exact));
      }
    }
    return counts;
  }

  /// The highest count that is not above and that the scope may have.
  std::int64_t aligned_most(std::size_t scope, std::int64_t most) const {
    if (setting_.align == 1 || most >= units_[scope]) return most;
    const std::int64_t multiple = unit_multiple(question_.scopes[scope], setting_.align);
    return most / multiple * multiple;
  }

  void align(Counts& least, Counts& most) {
    if (setting_.align == 1) return;
    for (std::size_t i = 0; i < most.size(); ++i) {
      const std::int64_t multiple = unit_multiple(question_.scopes[i], setting_.align);
      if (least[i] > 0) least[i] = AlignedScope{multiple, units_[i], least[i]}.lowest();
      const std::int64_t allowed = most[i];
      most[i] = aligned_most(i, most[i]);
      if (most[i] > 0) continue;
      refuse(question_.keys.max_kept_place,
             fmt::format("allows {} {} of {}, of which align: {} keeps {} or more", allowed, units(), names_[i],
                         setting_.align, std::min(units_[i], multiple)));
    }
  }

  void check(const Counts& least, const Counts& most, const Counts& final_counts) {
    for (std::size_t i = 0; i < most.size(); ++i) {
      if (least[i] <= most[i]) continue;
      refuse(question_.keys.min_kept_place, fmt::format("keeps at least {} {} of {}, where max_kept allows {}",
                                                        least[i], units(), names_[i], most[i]));
      return;
    }
    for (const SharedBudget& budget : budgets_) {
      const std::int64_t total = budget.kept(final_counts);
      const std::int64_t leasts = sum_of(picked(least, budget.scopes)), mosts = sum_of(picked(most, budget.scopes));
      if (leasts > total) {
        refuse(question_.keys.min_kept_place,
               fmt::format("keeps at least {} {}, but sparsity leaves {}; prune less, or lower it", leasts, units(),
                           total));
      } else if (mosts < total) {
        refuse(
            question_.keys.max_kept_place,
            fmt::format("keeps at most {} {}, but sparsity leaves {}; prune more, or raise it", mosts, units(), total));
      }
    }
  }

  /// The most of a round on the way: as far from all units as the round's total is on its way to the last.
  void relax(const SharedBudget& budget, const Counts& most, std::int64_t total, std::int64_t final_total,
             Counts& relaxed) const {
    const std::int64_t all = sum_of(picked(units_, budget.scopes));
    const double way =
        all == final_total ? 1.0 : static_cast<double>(all - total) / static_cast<double>(all - final_total);
    for (const std::size_t i : budget.scopes) {
      const double away = static_cast<double>(units_[i] - most[i]) * way;
      relaxed[i] = aligned_most(i, units_[i] - static_cast<std::int64_t>(std::floor(away + kBoundError)));
    }
  }

  static void redistribute(const SharedBudget& budget, const Counts& least, const Counts& relaxed, const Counts& before,
                           Counts& counts) {
    Counts cap = picked(relaxed, budget.scopes);
    for (std::size_t i = 0; i < cap.size(); ++i) cap[i] = std::min(cap[i], before[budget.scopes[i]]);
    const Counts wanted = picked(counts, budget.scopes);
    const Counts made =
        apportion(std::vector<double>(wanted.begin(), wanted.end()), sum_of(wanted), picked(least, budget.scopes), cap);
    for (std::size_t i = 0; i < made.size(); ++i) counts[budget.scopes[i]] = made[i];
  }

  const PointsQuestion& question_;
  const PruneSetting& setting_;
  const bool compete_;
  Problems& problems_;
  Problems found_;
  std::vector<std::string> names_;
  Counts units_;
  std::vector<SharedBudget> budgets_;
  std::vector<std::size_t> with_ratio_;  // scopes
};

}  // namespace

KeptBounds apply_kept_bounds(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, bool compete,
                             std::vector<Counts>& counts, Problems& problems) {
  if (!question.setting.min_kept && !question.setting.max_kept) return {};
  return BoundSetter(question, rankings, compete, problems).set(counts);
}

}  // namespace espalier
