#include "experiments/expand/check_sweep.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"
#include "experiments/catalog/granularity.h"
#include "experiments/expand/combinations.h"
#include "experiments/expand/prune_setting.h"

namespace espalier {
namespace {

/// Operating points; a schedule with a rate and rounds has as many as rounds, a table of sparsities is one.
std::size_t count_sparsities(const PruneKeys& prune) {
  std::size_t count = prune.sparsity.values.size();
  for (const AllocationSetting& allocation : prune.allocation.values) count += allocation.name == "table" ? 1 : 0;
  const auto says_how_much = [](const GranularitySetting& granularity) {
    return parse_granularity(granularity.text).kind == Granularity::Kind::n_of_m;
  };
  if (prune.granularity.given() && std::ranges::all_of(prune.granularity.values, says_how_much)) return 3;  // no curve
  for (const ScheduleSetting& schedule : prune.schedule.values) {
    const bool rounds_are_points = schedule.rate > 0 && schedule.rounds > 0;
    count = std::max(count, rounds_are_points ? static_cast<std::size_t>(schedule.rounds) : 0);
  }
  return count;
}

using After = RetrainSetting::Form;

bool is_length(const Length& length, std::int64_t epochs, std::int64_t steps) {
  return length.epochs == epochs && length.steps == steps;
}

bool is_init(const Length& length) {
  return is_length(length, 0, 0);
}

/// Whether a retraining of fresh weights is much shorter than the dense network's.
bool is_short(const RetrainSetting& setting) {
  if (setting.form == After::lr_rewind) return setting.last_epochs > 0 || !is_init(setting.to);
  return setting.form == After::finetune;
}

/// Whether networks pruned at `moment`, before the end of the dense training, are not trained to the end afterwards.
bool stays_untrained(const PruneMoment& moment, const RetrainSetting& setting) {
  if (moment.trained || setting.form == After::rewind || setting.form == After::reinit) return false;
  if (setting.form == After::scratch_e || setting.form == After::scratch_b) return false;
  if (setting.form == After::knobs && (setting.weights != RetrainSetting::Weights::pruned || is_init(setting.to))) {
    return false;
  }
  if (setting.form != After::lr_rewind || setting.last_epochs > 0) return true;
  return !is_init(setting.to) && !is_length(setting.to, moment.length.epochs, moment.length.steps);
}

bool any_stays_untrained(const SweepSpec& spec) {
  const std::vector<RetrainSetting> none(1);
  for (const RetrainSetting& setting : spec.retrain.given() ? spec.retrain.values : none) {
    const auto stays = [&](const PruneMoment& moment) { return stays_untrained(moment, setting); };
    if (std::ranges::any_of(spec.prune->at.values, stays)) return true;
  }
  return false;
}

/// Why the scores of different layers say little beside each other; "" where they do not meet, or may.
std::string incomparable(const PruneSetting& setting) {
  if (!ranks_layers_together(setting)) return "";
  const std::string& name = setting.criterion.name;
  const CriterionEntry& criterion = find_criterion(name);
  if (criterion.ranks == CriterionRanks::within_layers) {
    return fmt::format(
        "scores of {} are comparable within a layer alone, and allocation {} ranks layers together; use uniform, "
        "erk or a table",
        name, setting.allocation.name);
  }
  const Reduction reduction = setting.granularity.reduction;
  const bool by_size = reduction == Reduction::sum || reduction == Reduction::l1 || reduction == Reduction::l2;
  if (!setting.own_reduction || criterion.reduction != Reduction::mean || !by_size) return "";
  return fmt::format(
      "{} gives every weight of an output the output's score, which granularity {} turns into one that grows with the "
      "output's weights; leave {} out, or use mean",
      name, to_string(setting.granularity), to_string(reduction));
}

/// Each once, in the order of the combinations.
std::vector<std::string> incomparable_rankings(const SweepSpec& spec) {
  const PruneKeys& prune = *spec.prune;
  std::set<std::array<std::size_t, 5>> seen;
  std::vector<std::string> found;
  Combinations combinations(spec);
  while (const Combination* combination = combinations.next()) {
    const auto index = [&](const auto& choices) { return choices.given() ? choices.index(*combination) : 0; };
    const std::array chosen{index(prune.method), index(prune.criterion), index(prune.granularity),
                            index(prune.allocation), index(prune.dialect)};
    if (!seen.insert(chosen).second) continue;
    const std::string why = incomparable(pick_prune_setting(prune, *combination, spec.prune_place));
    if (!why.empty() && std::ranges::find(found, why) == found.end()) found.push_back(why);
  }
  return found;
}

}  // namespace

std::vector<Diagnostic> check_sweep(const SweepSpec& spec) {
  std::vector<Diagnostic> warnings;
  const auto warn = [&](const KeyPlace& place, const std::string& message) {
    warnings.push_back(make_diagnostic(Diagnostic::Severity::warning, place, message));
  };
  if (spec.seeds.size() == 1) warn(spec.seeds_place, "one seed gives no interval; use three or more");
  if (!spec.dense) warn(spec.place, "no dense networks are run, so results have no dense accuracy to stand beside");
  if (spec.resources.label.find(',') != std::string::npos) {
    warn(spec.resources_place,
         "no pool has a label with a comma, which --labels takes for two: its jobs would wait for ever; a job asks "
         "for one label");
  }
  if (!spec.prune) return warnings;
  const auto& names = spec.prune->criterion.given() ? spec.prune->criterion.values : spec.prune->method.values;
  const bool has_random = std::ranges::find(spec.controls, Control::random) != spec.controls.end() ||
                          std::ranges::find(names, "random", &CriterionSetting::name) != names.end();
  if (!has_random)
    warn(spec.controls_place, "no random control, so nothing says what a method is better than; add random");
  if (count_sparsities(*spec.prune) < 3) warn(spec.sparsity_place, "fewer than three sparsities hardly make a curve");
  const bool has_reinit = std::ranges::find(spec.controls, Control::reinit) != spec.controls.end();
  if (has_reinit && std::ranges::any_of(spec.retrain.values, is_short)) {
    warn(spec.controls_place,
         "the reinit control trains new weights for as long as finetune or lr_rewind does, which is short; rewind "
         "instead");
  }
  if (any_stays_untrained(spec)) {
    warn(spec.at_place,
         "networks pruned before the training's end are hardly trained after it; add retrain: {rewind: {to: init}}");
  }
  for (const std::string& why : incomparable_rankings(spec)) warn(spec.prune->criterion_place, why);
  return warnings;
}

}  // namespace espalier
