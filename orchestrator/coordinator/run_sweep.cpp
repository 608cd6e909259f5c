#include "orchestrator/coordinator/run_sweep.h"

#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "db/write/store.h"
#include "orchestrator/coordinator/local_pool_settings.h"
#include "orchestrator/coordinator/lone_coordinator.h"
#include "orchestrator/coordinator/open_attempts.h"
#include "orchestrator/sweeps/sweep_journal.h"

namespace espalier {
namespace {

const char* state_after(Coordinator::Ending ending, const SweepStatus& status) {
  switch (ending) {
    case Coordinator::Ending::finished:
      return status.trials_failed > 0 ? "failed" : "finished";
    case Coordinator::Ending::cancelled:
      return "cancelled";
    case Coordinator::Ending::too_many_failures:
      return "failed";
    case Coordinator::Ending::interrupted:
      return "stopped";
  }
  return "stopped";
}

/// A pool that is too small would leave them waiting.
void refuse_gangs_above(const std::optional<int>& workers, const StageGraph& graph) {
  if (!workers || *workers == 0) return;
  for (const Stage& stage : graph.stages) {
    if (stage.ranks <= *workers) continue;
    throw Error(ErrorKind::invalid_input,
                fmt::format("ranks_per_trial: {0} ranks of one pool train together, and this run starts {1}; give it "
                            "--workers {0} or more, or --workers 0 and pools that are large enough",
                            stage.ranks, *workers));
  }
}

}  // namespace

RunSummary run_sweep(LoadedSweep sweep, const RunSettings& settings, ProgressLine& progress) {
  refuse_gangs_above(settings.workers, sweep.graph);
  refuse_second_coordinator({settings.store});
  Store store(settings.store, {.allow_network_filesystem = settings.allow_network_filesystem});
  log_to_file(store.paths().logs() / "coordinator.log", "coordinator");
  SweepJournal book(store);
  SweepToRun run = book.begin(std::move(sweep));
  const SweepId id = run.id;
  const std::string name = run.name;
  Core core({store.generation(), false});
  core.add_sweep(std::move(run), utc_seconds());
  std::vector<OpenAttempt> open = take_up_attempts(store, core);
  RunSummary summary;
  summary.nothing_to_do = core.finished();
  if (!summary.nothing_to_do) {
    CoordinatorOptions options;
    options.host = settings.host;
    options.port = settings.port;
    if (settings.workers != 0) options.local_pools = {local_pool_settings(settings, store.paths())};
    options.pool_starts = settings.pool_starts;
    options.start_limit_s = settings.start_limit_s;
    options.open = std::move(open);
    options.given_up = store.lost_attempts(Core::kMostGivenUp);
    options.data = {settings.data};
    options.on_results = [&book] { book.refresh_comparison(); };
    try {
      Coordinator coordinator(store, core, std::move(options), progress);
      summary.ending = coordinator.run();
      summary.elapsed_s = coordinator.elapsed_s();
    } catch (...) {
      store.apply({SweepChanged{id, "stopped", utc_seconds()}});
      throw;
    }
  }
  summary.status = core.status();
  book.end(id, state_after(summary.ending, summary.status));
  if (summary.ending == Coordinator::Ending::finished && !summary.nothing_to_do) book.record_overlaps(id, name);
  return summary;
}

}  // namespace espalier
