#include <iostream>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/duration_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/sweep_options.h"
#include "orchestrator/comparison_output.h"
#include "orchestrator/run_sweep.h"

namespace espalier {
namespace {

struct RunOptions {
  SweepOptions sweep;
  RunSettings settings;
  bool quiet = false;
};

/// Only the spelling: what a machine has, its worker says.
std::string refuse_odd_device(const std::string& device) {
  const bool numbered = device.rfind("cuda:", 0) == 0 && device.size() > 5 && device.size() < 9 &&
                        device.find_first_not_of("0123456789", 5) == std::string::npos;
  if (numbered || device == "auto" || device == "cpu" || device == "cuda") return "";
  return "unknown device \"" + device + "\" (one of auto, cpu, cuda, cuda:0, cuda:1, ...)";
}

ExitCode report(const RunSummary& summary, const RunOptions& options) {
  using Ending = Coordinator::Ending;
  const SweepStatus& status = summary.status;
  if (summary.ending == Ending::interrupted || summary.ending == Ending::cancelled) {
    std::cout << fmt::format("{} after {}: {} of {} trials are done. Run the same command again to go on from there.\n",
                             summary.ending == Ending::cancelled ? "cancelled" : "stopped",
                             duration_text(summary.elapsed_s), status.trials_done, status.trials);
    return kExitInterrupted;
  }
  if (status.trials_failed > 0) {
    std::cerr << fmt::format(
        "{} of {} trials failed: espalier status --store {} lists why; running again tries them again.\n",
        status.trials_failed, status.trials, options.settings.store.string());
    return kExitTrialsFailed;
  }
  return kExitDone;
}

ExitCode run(RunOptions options, const std::string& store) {
  options.settings.store = store;
  options.settings.data = data_folder(options.sweep.data);
  const LoadedSweep sweep = load_sweep(options.sweep.file, options.sweep.overrides, options.settings.data);
  for (const Diagnostic& warning : sweep.warnings) std::cerr << to_string(warning) << "\n";
  const SharingReport& sharing = sweep.graph.sharing;
  std::cout << fmt::format("{}: {} trials, {} stages; sharing saves {} of {} optimizer steps\n", sweep.name,
                           sweep.trials.size(), sharing.stages_after, sharing.steps_before - sharing.steps_after,
                           sharing.steps_before)
            << std::flush;
  RunSummary summary;
  {
    ProgressLine progress(std::cout, ::isatty(STDOUT_FILENO) != 0);
    summary = run_sweep(sweep, options.settings, progress);
  }
  const ExitCode code = report(summary, options);
  if (summary.ending == Coordinator::Ending::finished) {
    if (summary.nothing_to_do) {
      std::cout << "every result was there already\n";
    } else {
      std::cout << fmt::format("{} of {} trials done in {}\n", summary.status.trials_done, summary.status.trials,
                               duration_text(summary.elapsed_s));
    }
    if (!options.quiet) {
      std::cout << "\n";
      print_comparison(std::cout, store, sweep.name, OutputFormat::table);
    }
  }
  return code;
}

}  // namespace

void add_run_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("run", "Run a sweep here, to the table of what beats random pruning; resumes where it was");
  auto options = std::make_shared<RunOptions>();
  add_sweep_options(*command, options->sweep);
  command->add_option("--store", line.store, "Folder of the results: made if missing, continued if not")
      ->capture_default_str();
  command->add_option("--workers", options->settings.workers, "MPI ranks (default: as many as cores)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--device", options->settings.device, "auto, cpu, cuda or cuda:N")
      ->check(CLI::Validator(refuse_odd_device, "DEVICE"))
      ->capture_default_str();
  command
      ->add_option("--host", options->settings.host,
                   "Address to listen on for pools (they prove who they are, but nothing is encrypted)")
      ->capture_default_str();
  command->add_option("--port", options->settings.port, "Port to listen on (0: any free one)")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command
      ->add_option("--checkpoint-every", options->settings.checkpoint_seconds,
                   "Seconds between checkpoints of a training")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_flag("--allow-network-filesystem", options->settings.allow_network_filesystem,
                    "Keep the store on NFS, Lustre, ... all the same: slower, and for one machine at a time");
  command
      ->add_option("--hang-limit", options->settings.hang_seconds,
                   "A job that makes no progress for this many seconds, and for much longer than its steps take, is "
                   "killed (0: never)")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command
      ->add_option("--memory-per-rank", options->settings.memory_gb,
                   "GB that a rank may fill (0: no limit; default: its share of the machine, with CUDA no limit)")
      ->check(CLI::Range(0.0, 1e6));
  command
      ->add_option("--grace", options->settings.grace_seconds,
                   "Seconds to wait for the steps that run when a pool is to leave (0: as long as they take)")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command->add_flag("--quiet", options->quiet, "No table at the end");
  command->callback([options, &line] { line.exit_code = run(*options, line.store); });
}

}  // namespace espalier
