#include "orchestrator/sweeps/sweep_journal.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "analysis/comparison/versus_random.h"
#include "analysis/masks/sweep_overlaps.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "db/read/store_reader.h"
#include "orchestrator/simulation/stage_durations.h"
#include "orchestrator/sweeps/spool_replay.h"

namespace espalier {
namespace {

/// A coordinator that was killed between a commit and this leaves some; each is as large as its network's training
/// state.
void remove_checkpoints_of_done(const StageGraph& graph, const std::vector<bool>& done, const StorePaths& paths) {
  std::error_code ignored;
  if (std::filesystem::is_empty(paths.checkpoints(), ignored) || ignored) return;
  for (std::size_t stage = 0; stage < done.size(); ++stage) {
    if (done[stage] && has(graph.stages[stage].kind, StageProperty::trains)) {
      std::filesystem::remove(paths.checkpoint(graph.stages[stage].key), ignored);
    }
  }
}

}  // namespace

SweepJournal::SweepJournal(Store& store) : store_(store) {
  replay_spool(store_);
}

SweepToRun SweepJournal::begin(LoadedSweep sweep) {
  SweepToRun run;
  run.id = store_.record_sweep(sweep.name, sweep.yaml, sweep.trials, sweep.graph, sweep.overrides);
  run.name = sweep.name;
  store_.forget_failures(run.id, {causes_that_a_run_tries_again(), {}});
  run.done = store_.done_stages(sweep.graph);
  remove_checkpoints_of_done(sweep.graph, run.done, store_.paths());
  run.failed = store_.failed_stages(sweep.graph);
  run.charges = store_.open_charges(sweep.graph);
  run.policy = sweep.on_failure;
  run.resources = sweep.resources;
  run.graph = std::move(sweep.graph);
  const MeasuredCost measured = store_.measured_cost();
  if (!reference_cost_) reference_cost_ = measured.overall;
  if (reference_cost_) weigh_by_model(run.graph, measured.by_model, *reference_cost_);
  store_.apply({SweepChanged{run.id, "running", utc_seconds()}});
  return run;
}

void SweepJournal::end(SweepId sweep, const std::string& state, std::vector<StoreChange> more) {
  more.emplace_back(SweepChanged{sweep, state, utc_seconds()});
  store_.apply(more);
  try {
    refresh_comparison();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::exhausted && error.kind() != ErrorKind::unavailable) throw;
    spdlog::warn("the comparison was not refreshed: {}", error.what());
  }
}

void SweepJournal::refresh_comparison() {
  const std::vector<ResultRow> rows = StoreReader(store_.paths().root).results();
  store_.write_cell_statistics(compute_cell_statistics(rows));
}

void SweepJournal::record_overlaps(SweepId sweep, const std::string& name) {
  try {
    const StoreReader reader(store_.paths().root);
    const MaskSource masks = artifact_masks(store_.paths().root);
    store_.write_mask_overlaps(sweep, compute_mask_overlaps(name, reader.trial_masks(name), masks));
  } catch (const Error& error) {
    spdlog::warn("the overlap of masks was not recorded: {}", error.what());
  }
}

}  // namespace espalier
