#include "orchestrator/run_sweep.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unistd.h>

#include "analysis/sweep_overlaps.h"
#include "analysis/versus_random.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "db/store.h"
#include "db/store_reader.h"
#include "orchestrator/open_attempts.h"
#include "orchestrator/take_in_spool.h"
#include "orchestrator/worker_program.h"

namespace espalier {
namespace {

LocalPool local_pool(const RunSettings& settings, const StorePaths& paths) {
  LocalPool pool;
  pool.name = "local-1";
  pool.ranks = settings.workers.value_or(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  pool.mpirun = find_program("mpirun", "install Open MPI (Debian: apt-get install openmpi-bin)");
  pool.worker = find_worker();
  pool.store = std::filesystem::absolute(paths.root);
  pool.data = settings.data.empty() ? settings.data : std::filesystem::absolute(settings.data);
  pool.log = std::filesystem::absolute(paths.logs()) / (pool.name + ".log");
  pool.lock = std::filesystem::absolute(paths.pool_lock(pool.name));
  pool.device = settings.device;
  pool.checkpoint_seconds = settings.checkpoint_seconds;
  pool.hang_seconds = settings.hang_seconds;
  pool.grace_seconds = settings.grace_seconds;
  pool.memory_gb = settings.memory_gb;
  return pool;
}

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

/// A coordinator that was killed between a commit and this leaves some; each is as large as its network's training
/// state.
void remove_checkpoints_of_done(const StageGraph& graph, const std::vector<bool>& done, const StorePaths& paths) {
  if (std::filesystem::is_empty(paths.checkpoints())) return;
  for (std::size_t stage = 0; stage < done.size(); ++stage) {
    std::error_code ignored;
    if (done[stage] && graph.stages[stage].kind == StageKind::train) {
      std::filesystem::remove(paths.checkpoint(graph.stages[stage].key), ignored);
    }
  }
}

void refresh_comparison(Store& store) {
  const std::vector<ResultRow> rows = StoreReader(store.paths().root).results();
  store.write_cell_statistics(compute_cell_statistics(rows));
}

/// How alike the sweep's masks are. A courtesy at the end: whatever keeps it from being written leaves the results
/// alone.
void refresh_overlaps(Store& store, SweepId id, const std::string& label) {
  try {
    const StoreReader reader(store.paths().root);
    const MaskSource masks = artifact_masks(store.paths().root);
    store.write_mask_overlaps(id, compute_mask_overlaps(label, reader.trial_masks(label), masks));
  } catch (const Error& error) {
    spdlog::warn("the overlap of masks was not recorded: {}", error.what());
  }
}

}  // namespace

RunSummary run_sweep(const LoadedSweep& sweep, const RunSettings& settings, ProgressLine& progress) {
  Store store(settings.store, {.allow_network_filesystem = settings.allow_network_filesystem});
  log_to_file(store.paths().logs() / "coordinator.log", "coordinator");
  const SweepId id = store.record_sweep(sweep.name, sweep.yaml, sweep.trials, sweep.graph);
  store.forget_failures(id, {causes_that_a_run_tries_again(), {}});
  take_in_spool(store);
  const std::vector<bool> done = store.done_stages(sweep.graph);
  remove_checkpoints_of_done(sweep.graph, done, store.paths());
  const std::vector<OpenAttempt> open = attempts_of_sweep(store, sweep.graph);
  Core core(sweep.graph, {done, store.failed_stages(sweep.graph), store.generation(), sweep.on_failure});
  for (const OpenCharge& charge : store.open_charges(sweep.graph))
    core.remember_failure(charge.stage, charge.cause, charge.host);
  RunSummary summary;
  summary.nothing_to_do = core.finished();
  if (!summary.nothing_to_do) {
    CoordinatorOptions options;
    options.host = settings.host;
    options.port = settings.port;
    if (settings.workers != 0) options.local_pools = {local_pool(settings, store.paths())};
    options.pool_starts = settings.pool_starts;
    options.open = open;
    options.data = settings.data;
    options.on_results = [&store] { refresh_comparison(store); };
    Coordinator coordinator(store, core, std::move(options), progress);
    store.apply({SweepChanged{id, "running", utc_seconds()}});
    try {
      summary.ending = coordinator.run();
    } catch (...) {
      store.apply({SweepChanged{id, "stopped", utc_seconds()}});
      throw;
    }
    summary.elapsed_s = coordinator.elapsed_s();
  }
  summary.status = core.status();
  store.apply({SweepChanged{id, state_after(summary.ending, summary.status), utc_seconds()}});
  refresh_comparison(store);
  if (summary.ending == Coordinator::Ending::finished && !summary.nothing_to_do)
    refresh_overlaps(store, id, sweep.name);
  return summary;
}

}  // namespace espalier
