#include "experiments/expand/check_trials.h"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/catalog/catalog.h"
#include "experiments/catalog/granularity.h"

namespace espalier {
namespace {

bool decays(const TrainRecipe& recipe) {
  const LrScheduleSpec& schedule = recipe.lr_schedule;
  const auto is_reached = [&](std::int64_t milestone) { return milestone < recipe.steps; };
  return schedule.shape == "cosine" ||
         (schedule.shape == "step" && schedule.gamma < 1 && std::ranges::any_of(schedule.milestones, is_reached));
}

/// What the configurations of the methods' own trials have in common.
struct Findings {
  std::set<std::string_view> scores_too_late;  ///< made for initialization, of trained networks that stay as pruned
  bool flattens_the_rate = false;
  bool removes_untimed_units = false;  ///< as a whole, and no latency is measured
  std::size_t methods = 0;             ///< each is compared with a random control
};

void check_config(const TrialConfig& config, Findings& found) {
  ++found.methods;
  const PruneConfig& prune = *config.prune;
  const CriterionEntry& criterion = find_criterion(prune.criterion);
  const bool at_end = !prune.gradual && prune.at_step == config.train.steps;
  const bool is_late = has(criterion.properties, CriterionProperty::initialization) && at_end && !config.retrain.recipe;
  if (is_late) found.scores_too_late.insert(criterion.name);
  found.removes_untimed_units = found.removes_untimed_units ||
                                (!config.latency && removes_units_whole(parse_granularity(prune.named_granularity)));
  found.flattens_the_rate =
      found.flattens_the_rate || (config.retrain.recipe && decays(config.train) && !decays(*config.retrain.recipe));
}

}  // namespace

std::vector<Diagnostic> check_trials(const SweepSpec& spec, const std::vector<Trial>& trials) {
  std::vector<Diagnostic> warnings;
  if (!spec.prune) return warnings;
  const auto warn = [&](const KeyPlace& place, std::string message) {
    warnings.push_back(make_diagnostic(Diagnostic::Severity::warning, place, std::move(message)));
  };
  Findings found;
  const TrialConfig* last = nullptr;  // seeds share it, and follow each other
  for (const Trial& trial : trials) {
    if (trial.config.get() == last) continue;
    last = trial.config.get();
    if (last->prune && last->control == Control::none) check_config(*last, found);
  }
  if (!found.scores_too_late.empty()) {
    warn(spec.at_place,
         fmt::format("{} {} made for networks at initialization, and here trained ones are scored and not retrained; "
                     "write at: init and retrain: {{rewind: {{to: init}}}}, or retrain what is pruned",
                     fmt::join(found.scores_too_late, ", "), found.scores_too_late.size() == 1 ? "is" : "are"));
  }
  if (found.flattens_the_rate) {
    warn(spec.retrain.values.front().place,
         "retrains at a constant rate after a training whose rate decays, the weakest of the ways compared in "
         "arXiv:2003.02389; use lr_rewind or rewind, or give finetune an lr_schedule");
  }
  if (found.removes_untimed_units) {
    warn(spec.prune_place,
         "removes whole channels, heads or blocks, and no speed-up is measured; multiply-adds do not tell it: write "
         "measure: {latency: {batch_size: [1, 64]}}");
  }
  if (spec.shares_random && found.methods > spec.seeds.size()) {
    warn(
        spec.controls_place,
        fmt::format("with random: shared, {} comparisons rest on {} of random masks, one a seed; an odd one moves them "
                    "all together. Write random for draws of their own, or use more seeds",
                    found.methods, spec.seeds.size() == 1 ? "one draw" : fmt::format("{} draws", spec.seeds.size())));
  }
  return warnings;
}

}  // namespace espalier
