#include "orchestrator/commands/run_and_report.h"

#include <algorithm>
#include <iostream>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/duration_text.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/comparison_output.h"
#include "orchestrator/commands/next_steps.h"

namespace espalier {
namespace {

/// How many trials failed, how many wait for what failed, and what to do about it.
std::string failures_text(const std::string& name, const RunOptions& options) {
  const std::string store = options.settings.store.string();
  const std::vector<SweepRow> sweeps = StoreReader(store).sweeps();
  const auto found = std::ranges::find(sweeps, name, &SweepRow::label);
  if (found == sweeps.end()) return "";
  return fmt::format(
      "{} of {} trials have no result: {} failed, {} blocked; stages that failed and are quarantined: {}\n"
      "what is bad: espalier failures {} --store {}\n"
      "to try it again, once it is fixed: espalier retry {} --store {}\n",
      found->trials_failed + found->trials_blocked, found->trials, found->trials_failed, found->trials_blocked,
      found->stages_failed, name, store, options.sweep.file, store);
}

ExitCode report(const std::string& name, const FailurePolicy& policy, const RunSummary& summary,
                const RunOptions& options) {
  using Ending = Coordinator::Ending;
  const SweepStatus& status = summary.status;
  if (summary.ending == Ending::interrupted || summary.ending == Ending::cancelled) {
    std::cout << fmt::format("{} after {}: {} of {} trials are done. Run the same command again to go on from there.\n",
                             summary.ending == Ending::cancelled ? "cancelled" : "stopped",
                             duration_text(summary.elapsed_s), status.trials_done, status.trials);
    return kExitInterrupted;
  }
  if (summary.ending == Ending::too_many_failures) {
    std::cerr << fmt::format("stopped: more than {} jobs are quarantined (on_failure.max_failures)\n",
                             policy.max_failures.value_or(0));
    std::cerr << failures_text(name, options);
    return kExitTrialsFailed;
  }
  if (status.trials_failed > 0) {
    std::cerr << failures_text(name, options);
    return kExitTrialsFailed;
  }
  return kExitDone;
}

void print_end(const std::string& name, bool pruned, const RunSummary& summary, const RunOptions& options) {
  if (!summary.nothing_to_do) {
    std::cout << fmt::format("{} of {} trials done in {}\n", summary.status.trials_done, summary.status.trials,
                             duration_text(summary.elapsed_s));
  } else if (summary.status.trials_failed == 0) {
    std::cout << "every result was there already\n";
  } else {
    std::cout << "every result was there already, but those that wait for what failed\n";
  }
  if (options.quiet) return;
  std::cout << "\n";
  print_comparison(std::cout, options.settings.store.string(), name, OutputFormat::table);
  // For a person: what a script reads, or a log keeps, stays as it was.
  if (::isatty(STDOUT_FILENO) != 0)
    std::cout << "\n" << next_steps(options.program, name, options.settings.store.string(), pruned);
}

}  // namespace

ExitCode run_and_report(LoadedSweep sweep, const RunOptions& options) {
  const SharingReport& sharing = sweep.graph.sharing;
  std::cout << fmt::format("{}: {} trials, {} stages; sharing saves {} of {} optimizer steps\n", sweep.name,
                           sweep.trials.size(), sharing.stages_after, sharing.steps_before - sharing.steps_after,
                           sharing.steps_before)
            << std::flush;
  const std::string name = sweep.name;
  const FailurePolicy policy = sweep.on_failure;
  const bool pruned =
      std::ranges::any_of(sweep.trials, [](const Trial& trial) { return trial.config->prune.has_value(); });
  RunSummary summary;
  {
    ProgressLine progress(std::cout, ::isatty(STDOUT_FILENO) != 0);
    summary = run_sweep(std::move(sweep), options.settings, progress);
  }
  const ExitCode code = report(name, policy, summary, options);
  if (summary.ending == Coordinator::Ending::finished) print_end(name, pruned, summary, options);
  return code;
}

}  // namespace espalier
