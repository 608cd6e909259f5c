#include "experiments/check_sweep.h"

#include <algorithm>

namespace espalier {
namespace {

/// Operating points; a schedule with a rate and rounds has as many as rounds, a table of sparsities is one.
std::size_t count_sparsities(const PruneKeys& prune) {
  std::size_t count = prune.sparsity.values.size();
  for (const AllocationSetting& allocation : prune.allocation.values) count += allocation.name == "table" ? 1 : 0;
  for (const ScheduleSetting& schedule : prune.schedule.values) {
    const bool rounds_are_points = schedule.rate > 0 && schedule.rounds > 0;
    count = std::max(count, rounds_are_points ? static_cast<std::size_t>(schedule.rounds) : 0);
  }
  return count;
}

bool is_only_finetuned(const SweepSpec& spec) {
  const auto finetunes = [](const RetrainSetting& setting) { return setting.form == RetrainSetting::Form::finetune; };
  return std::ranges::any_of(spec.retrain.values, finetunes);
}

}  // namespace

std::vector<Diagnostic> check_sweep(const SweepSpec& spec) {
  std::vector<Diagnostic> warnings;
  const auto warn = [&](const KeyPlace& place, const char* message) {
    warnings.push_back(make_diagnostic(Diagnostic::Severity::warning, place, message));
  };
  if (spec.seeds.size() == 1) warn(spec.seeds_place, "one seed gives no interval; use three or more");
  if (!spec.dense) warn(spec.place, "no dense networks are run, so results have no dense accuracy to stand beside");
  if (!spec.prune) return warnings;
  const auto& names = spec.prune->criterion.given() ? spec.prune->criterion.values : spec.prune->method.values;
  const bool has_random = std::ranges::find(spec.controls, Control::random) != spec.controls.end() ||
                          std::ranges::find(names, "random") != names.end();
  if (!has_random)
    warn(spec.controls_place, "no random control, so nothing says what a method is better than; add random");
  if (count_sparsities(*spec.prune) < 3) warn(spec.sparsity_place, "fewer than three sparsities hardly make a curve");
  const bool has_reinit = std::ranges::find(spec.controls, Control::reinit) != spec.controls.end();
  if (has_reinit && is_only_finetuned(spec)) {
    warn(spec.controls_place,
         "the reinit control trains new weights for as long as finetune does, which is short; rewind instead");
  }
  return warnings;
}

}  // namespace espalier
