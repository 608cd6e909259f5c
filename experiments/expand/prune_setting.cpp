#include "experiments/expand/prune_setting.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"
#include "experiments/pruning/allocations/allocations.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Allocates = AllocationProperty;

constexpr double kSameSparsity = 1e-9;

/// What has a reduction of its own, or none.
bool counts_elements(Kind kind) {
  return kind == Kind::weight || kind == Kind::block || kind == Kind::n_of_m;
}

std::string list_of(const std::vector<std::string_view>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Checks one setting: every message names both conflicting sides.
class Checker {
 public:
  Checker(const PruneSetting& setting, const PruneKeys& keys, Problems& problems)
      : setting_(setting),
        criterion_(find_criterion(setting.criterion.name)),
        keys_(keys),
        problems_(problems),
        granularity_(to_string(setting.granularity)) {}

  bool check() {
    check_allocation();
    check_pattern();
    check_repairs();
    check_bounds();
    check_ratios();
    check_align();
    check_gradual();
    if (setting_.dialect) check_dialect();
    return fine_;
  }

 private:
  void refuse(const KeyPlace& place, std::string message) {
    problems_.add(place, std::move(message));
    fine_ = false;
  }

  bool is(Kind kind) const { return setting_.granularity.kind == kind; }
  bool allocates(Allocates property) const { return has(setting_.allocation.name, property); }
  bool repairs() const { return criterion_.scores == CriterionScores::repairs_weights; }

  void check_allocation() {
    const std::string& name = setting_.allocation.name;
    const bool one_layer = is(Kind::weight) || is(Kind::block) || is(Kind::row) || is(Kind::filter);
    if (allocates(Allocates::by_row) && !is(Kind::weight) && !is(Kind::n_of_m)) {
      refuse(keys_.allocation_place, fmt::format("{} counts the weights of each output, which granularity {} does "
                                                 "not remove one by one; use granularity weight",
                                                 name, granularity_));
    } else if (allocates(Allocates::by_shape) && !one_layer && !is(Kind::n_of_m)) {
      refuse(keys_.allocation_place,
             fmt::format("{} looks at the shape of single layers, and granularity {} removes parts of several at once; "
                         "use weight, block, row or filter",
                         name, granularity_));
    } else if (allocates(Allocates::rescales_scores) && is(Kind::layer)) {
      refuse(keys_.allocation_place,
             fmt::format("{} ranks the units of several layers, and granularity {} has all blocks in one ranking", name,
                         granularity_));
    }
    if (allocates(Allocates::by_curves)) check_curves();
    if (allocates(Allocates::squares_scores) && has(criterion_.properties, CriterionProperty::signed_scores)) {
      refuse(keys_.allocation_place,
             fmt::format("{} compares squares, and scores of criterion {} can be negative", name, criterion_.name));
    }
  }

  void check_curves() {
    const std::string& name = setting_.allocation.name;
    if (is(Kind::n_of_m) || repairs()) {
      refuse(keys_.allocation_place,
             fmt::format("{} has no curve for criterion {} with granularity {}: n:m has one sparsity, and "
                         "weights that are repaired fit one mask",
                         name, criterion_.name, granularity_));
    } else if (setting_.schedule.gradual) {
      refuse(keys_.allocation_place,
             name + " is measured before pruning, and a schedule inside the training has no such moment; use rounds");
    } else if (setting_.min_kept || setting_.max_kept) {
      refuse(keys_.allocation_place, name + " gives each layer its count; min_kept and max_kept are not used");
    }
  }

  void check_pattern() {
    if (!is(Kind::n_of_m)) return;
    const Granularity& pattern = setting_.granularity;
    const double sparsity = 1 - static_cast<double>(pattern.kept) / static_cast<double>(pattern.of);
    if (setting_.sparsity && std::abs(*setting_.sparsity - sparsity) > kSameSparsity) {
      refuse(keys_.granularity_place,
             fmt::format("{} keeps {} of every {} inputs, which is sparsity {:.6g}, not {:.6g}; leave sparsity out",
                         granularity_, pattern.kept, pattern.of, sparsity, *setting_.sparsity));
    }
    if (!allocates(Allocates::fits_patterns)) {
      refuse(keys_.allocation_place,
             fmt::format("{} has nothing to spread: granularity {} keeps the same share of every input group",
                         setting_.allocation.name, granularity_));
    }
    if (!has(setting_.schedule.name, ScheduleProperty::one_round)) {
      refuse(setting_.schedule.place,
             fmt::format("{} has rounds of other sparsities, which granularity {} cannot reach", setting_.schedule.name,
                         granularity_));
    }
  }

  void check_repairs() {
    const std::string& name = setting_.criterion.name;
    if (!repairs()) return;
    const bool by_layer = criterion_.ranks == CriterionRanks::within_layers && !is(Kind::n_of_m);
    if (allocates(Allocates::rescales_scores | Allocates::by_row) || (by_layer && allocates(Allocates::one_ranking))) {
      refuse(
          keys_.allocation_place,
          fmt::format("{} does not fit criterion {}, which repairs one layer after another to a count of its own; use "
                      "uniform, erk, er or a table",
                      setting_.allocation.name, name));
    }
    if (has(criterion_.properties, CriterionProperty::no_patterns) && is(Kind::n_of_m)) {
      refuse(
          keys_.granularity_place,
          fmt::format("{} does not fit criterion {}, which deletes weights wherever they are; use granularity weight",
                      granularity_, name));
    }
    if (setting_.dialect) {
      refuse(keys_.dialect_place, fmt::format("{} says how scores are selected, but criterion {} selects as it repairs",
                                              setting_.dialect_name, name));
    }
    if (setting_.schedule.gradual) {
      refuse(setting_.schedule.place,
             fmt::format("prunes inside a training, where criterion {} cannot repair weights", name));
    }
  }

  void check_bounds() {
    for (const auto& [bound, place, key] : {std::tuple{&setting_.min_kept, &keys_.min_kept_place, "min_kept"},
                                            std::tuple{&setting_.max_kept, &keys_.max_kept_place, "max_kept"}}) {
      if (!*bound) continue;
      const bool by_count = is(Kind::n_of_m) || allocates(Allocates::by_row);
      if (by_count) {
        refuse(*place, fmt::format("{} is not used: {} says how much of every row is kept", key,
                                   is(Kind::n_of_m) ? "granularity " + granularity_
                                                    : "allocation " + setting_.allocation.name));
      } else if (setting_.dialect) {
        refuse(*place, fmt::format("{} is unknown to dialect {}", key, setting_.dialect_name));
      } else if (repairs() && knows_total_only(setting_.allocation)) {
        refuse(*place, fmt::format("{} does not fit criterion {} with one ranking over all layers", key,
                                   setting_.criterion.name));
      }
    }
  }

  void check_ratios() {
    if (!setting_.ratios) return;
    if (is(Kind::n_of_m)) {
      refuse(keys_.ratios_place, fmt::format("ratios is not used: granularity {} says how much is kept", granularity_));
    } else if (is(Kind::layer)) {
      refuse(keys_.ratios_place,
             "granularity layer removes whole layers, all in one ranking, and none has a ratio; "
             "protect those that are to stay");
    } else if (setting_.allocation.name == "table") {
      refuse(keys_.ratios_place, "allocation gives each layer its sparsity already; use one of them");
    } else if (!setting_.sparsity) {
      refuse(keys_.ratios_place,
             "ratios stand beside sparsity, which is that of the other layers; give it, or use "
             "the schedule's rates");
    } else if (setting_.dialect) {
      refuse(keys_.ratios_place, fmt::format("ratios is unknown to dialect {}", setting_.dialect_name));
    } else if (repairs() && knows_total_only(setting_.allocation)) {
      refuse(keys_.ratios_place,
             fmt::format("ratios does not fit criterion {} with one ranking over all layers", setting_.criterion.name));
    }
  }

  void check_align() {
    if (setting_.align == 1) return;
    const bool whole = is(Kind::channel) || is(Kind::filter) || is(Kind::row) || is(Kind::head);
    if (!whole) {
      refuse(keys_.align_place,
             fmt::format("rounds how many channels, filters, rows or heads a layer keeps, and granularity {} removes "
                         "none of these; use one of them, or leave align out",
                         granularity_));
    } else if (setting_.dialect) {
      refuse(keys_.align_place, fmt::format("align is unknown to dialect {}", setting_.dialect_name));
    }
  }

  void check_gradual() {
    const ScheduleSetting& schedule = setting_.schedule;
    const bool of_all = !has(schedule.name, ScheduleProperty::relative_initial);
    if (setting_.sparsity && schedule.initial > 0 && of_all && schedule.initial >= *setting_.sparsity) {
      refuse(schedule.place, fmt::format("begins with sparsity {:.6g}, which is not below {:.6g}", schedule.initial,
                                         *setting_.sparsity));
    }
  }

  void check_dialect() {
    const std::string& name = setting_.dialect_name;
    const Dialect& dialect = *setting_.dialect;
    const bool half = is(Kind::n_of_m) && 2 * setting_.granularity.kept == setting_.granularity.of;
    const bool pattern = half && dialect.half_patterns;
    if (!is(Kind::weight) && !pattern && (is(Kind::n_of_m) || !dialect.structures)) {
      refuse(keys_.dialect_place, fmt::format("{} does not know granularity {}", name, granularity_));
    }
    if (!pattern && !contains(dialect.allocations, setting_.allocation.name)) {
      refuse(keys_.dialect_place, fmt::format("{} does not know allocation {} (one of {})", name,
                                              setting_.allocation.name, list_of(dialect.allocations)));
    }
    if (!contains(dialect.schedules, setting_.schedule.name)) {
      refuse(keys_.dialect_place, fmt::format("{} does not know schedule {} (one of {})", name, setting_.schedule.name,
                                              list_of(dialect.schedules)));
    }
  }

  const PruneSetting& setting_;
  const CriterionEntry& criterion_;
  const PruneKeys& keys_;
  Problems& problems_;
  const std::string granularity_;
  bool fine_ = true;
};

/// n:m has nothing to spread, and what repairs layer by layer cannot have layers compete.
std::string default_allocation(const PruneSetting& setting) {
  const CriterionEntry& criterion = find_criterion(setting.criterion.name);
  const bool repairs_by_layer =
      criterion.scores == CriterionScores::repairs_weights && criterion.ranks == CriterionRanks::within_layers;
  if (setting.granularity.kind == Kind::n_of_m || repairs_by_layer)
    return name_with(list_allocations(), Allocates::default_by_layer);
  if (setting.dialect && !setting.dialect->default_allocation.empty())
    return std::string(setting.dialect->default_allocation);
  return default_name(list_allocations());
}

}  // namespace

bool knows_total_only(const AllocationSetting& allocation) {
  return has(allocation.name, Allocates::one_ranking | Allocates::by_curves);
}

bool ranks_scores_as_they_are(const AllocationSetting& allocation) {
  return has(allocation.name, Allocates::one_ranking) && !has(allocation.name, Allocates::rescales_scores);
}

bool ranks_layers_together(const PruneSetting& setting) {
  if (!ranks_scores_as_they_are(setting.allocation) || setting.granularity.kind == Kind::n_of_m) return false;
  return !setting.dialect || setting.dialect->global_ranking.empty();
}

Granularity with_reduction(const PruneSetting& setting, const std::vector<PruneScope>& scopes) {
  Granularity granularity = setting.granularity;
  if (setting.own_reduction || counts_elements(granularity.kind)) return granularity;
  const auto spans_layers = [](const PruneScope& scope) {
    return std::ranges::count(scope.members, ScopeMember::Part::outputs, &ScopeMember::part) +
               std::ranges::count(scope.members, ScopeMember::Part::whole, &ScopeMember::part) >
           1;
  };
  if (ranks_layers_together(setting) || std::ranges::any_of(scopes, spans_layers))
    granularity.reduction = find_criterion(setting.criterion.name).reduction;
  return granularity;
}

PruneSetting pick_prune_setting(const PruneKeys& keys, const Combination& combination, const KeyPlace& place) {
  PruneSetting setting;
  setting.criterion = keys.criterion.given() ? keys.criterion.at(combination) : keys.method.at(combination);
  const GranularitySetting granularity =
      keys.granularity.pick(combination).value_or(GranularitySetting{"weight", true});
  setting.granularity = parse_granularity(granularity.text);
  setting.own_reduction = granularity.own_reduction;
  setting.sparsity = keys.sparsity.pick(combination);
  setting.schedule = keys.schedule.pick(combination)
                         .value_or(ScheduleSetting{default_name(list_schedules()), 1, 0, 0, {}, std::nullopt, place});
  setting.dialect_name = keys.dialect.pick(combination).value_or("");
  if (!setting.dialect_name.empty()) setting.dialect = find_dialect(setting.dialect_name, setting.criterion.name);
  setting.allocation = keys.allocation.pick(combination).value_or(AllocationSetting{default_allocation(setting), {}});
  setting.min_kept = keys.min_kept.pick(combination);
  setting.max_kept = keys.max_kept.pick(combination);
  setting.ratios = keys.ratios.pick(combination);
  setting.align = keys.align.pick(combination).value_or(1);
  return setting;
}

bool check_prune_setting(const PruneSetting& setting, const PruneKeys& keys, Problems& problems) {
  return Checker(setting, keys, problems).check();
}

}  // namespace espalier
