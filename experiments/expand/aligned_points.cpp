#include "experiments/expand/aligned_points.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "experiments/pruning/aligned_counts.h"

namespace espalier {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr double kFarOff = 0.05;  // of all units, by which multiples may miss a total without a word

class CountAligner {
 public:
  CountAligner(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, const KeptBounds& bounds,
               Problems& problems)
      : question_(question), rankings_(rankings), bounds_(bounds), problems_(problems) {
    for (const PruneScope& scope : question.scopes) {
      units_.push_back(scope.units);
      multiples_.push_back(unit_multiple(scope, question.setting.align));
    }
  }

  void align(bool holds_total, std::vector<Counts>& counts) {
    if (!groups_stay_even()) return;
    const std::int64_t asked = sum_of(counts.back());
    Counts most = units_;
    for (std::size_t round = 0; round < counts.size(); ++round) {
      const std::vector<AlignedScope> scopes = allowed(most, round);
      std::vector<std::size_t> together;
      for (std::size_t r = 0; r < rankings_.size(); ++r) {
        if (rankings_[r].scopes.size() > 1) continue;
        if (holds_total && !rankings_[r].ratio) {
          together.push_back(r);
        } else {
          counts[round][r] = aligned_count(counts[round][r], scopes[rankings_[r].scopes[0]]);
        }
      }
      align_together(together, scopes, counts[round]);
      for (std::size_t r = 0; r < rankings_.size(); ++r)
        if (rankings_[r].scopes.size() == 1) most[rankings_[r].scopes[0]] = counts[round][r];
    }
    say_distance(counts.back(), asked);
  }

 private:
  std::vector<AlignedScope> allowed(const Counts& most, std::size_t round) const {
    std::vector<AlignedScope> scopes;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const bool bounded = !bounds_.most.empty();
      scopes.push_back({multiples_[i], bounded ? std::min(most[i], bounds_.most[round][i]) : most[i],
                        bounded ? bounds_.least[i] : 0});
    }
    return scopes;
  }

  void align_together(const std::vector<std::size_t>& rankings, const std::vector<AlignedScope>& scopes,
                      Counts& counts) const {
    std::vector<AlignedScope> those;
    for (const std::size_t r : rankings) those.push_back(scopes[rankings_[r].scopes[0]]);
    const Counts before = picked(counts, rankings);
    const Counts made = aligned_counts(before, those, sum_of(before));
    for (std::size_t i = 0; i < made.size(); ++i) counts[rankings[i]] = made[i];
  }

  /// Filters leave the groups of a convolution as scores have it, and a group's kernel sees its own alone.
  bool groups_stay_even() {
    if (question_.setting.granularity.kind != Granularity::Kind::filter) return true;
    for (const PruneScope& scope : question_.scopes) {
      if (scope.members[0].groups == 1) continue;
      problems_.add(question_.keys.align_place,
                    fmt::format("{} has {} groups, of which granularity filter leaves different numbers of filters; "
                                "use granularity channel, which takes as many from each, or protect {}",
                                scope.name, scope.members[0].groups, scope.name));
      return false;
    }
    return true;
  }

  /// As far as it is known before scores are.
  void say_distance(const Counts& counts, std::int64_t asked) {
    std::int64_t left = 0;
    for (std::size_t r = 0; r < rankings_.size(); ++r) {
      std::int64_t lowest = 0;
      for (const std::size_t i : rankings_[r].scopes) lowest += std::min(units_[i], multiples_[i]);
      left += rankings_[r].scopes.size() == 1 ? counts[r] : std::max(counts[r], lowest);
    }
    const std::int64_t all = sum_of(units_), align = question_.setting.align;
    const std::string_view units = units_word(question_.setting.granularity.kind);
    if (left == all && asked < all) {
      problems_.add(
          question_.keys.align_place,
          fmt::format("{} leaves all {} {} where they are; use a smaller number, or prune more", align, all, units));
    } else if (std::abs(static_cast<double>(left - asked)) > kFarOff * static_cast<double>(all)) {
      problems_.warn(question_.keys.align_place,
                     fmt::format("{} keeps {} of {} {}, where {} were asked for: a layer keeps a multiple, or all "
                                 "that it has",
                                 align, left, all, units, asked));
    }
  }

  const PointsQuestion& question_;
  const std::vector<ScopeRanking>& rankings_;
  const KeptBounds& bounds_;
  Problems& problems_;
  Counts units_, multiples_;
};

}  // namespace

void align_counts(const PointsQuestion& question, const std::vector<ScopeRanking>& rankings, const KeptBounds& bounds,
                  bool holds_total, std::vector<Counts>& counts, Problems& problems) {
  if (question.setting.align == 1) return;
  CountAligner(question, rankings, bounds, problems).align(holds_total, counts);
}

}  // namespace espalier
