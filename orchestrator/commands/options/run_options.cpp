#include "orchestrator/commands/options/run_options.h"

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/number_option.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/option_group.h"
#include "orchestrator/sweeps/load_store_config.h"

namespace espalier {
namespace {

constexpr const char* kFailureHeading = "When something fails";

/// Only the spelling: what a machine has, its worker says.
std::string refuse_odd_device(const std::string& device) {
  const bool numbered = device.rfind("cuda:", 0) == 0 && device.size() > 5 && device.size() < 9 &&
                        device.find_first_not_of("0123456789", 5) == std::string::npos;
  if (numbered || device == "auto" || device == "cpu" || device == "cuda") return "";
  return "unknown device \"" + device + "\" (one of auto, cpu, cuda, cuda:0, cuda:1, ...)";
}

/// Errors: ErrorKind::invalid_input where times are asked of a device or of processors that this machine has not: a run
/// has no other, unless pools join it.
void require_what_is_timed(const LoadedSweep& sweep, const RunSettings& settings) {
  if (settings.workers == 0) return;
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  std::error_code absent;
  const bool has_gpu = settings.device != "cpu" && std::filesystem::exists("/dev/nvidiactl", absent);
  for (const Trial& trial : sweep.trials) {
    const std::optional<LatencyConfig>& latency = trial.config->latency;
    if (!latency) continue;
    if (latency->device == "cuda" && !has_gpu) {
      throw Error(ErrorKind::invalid_input,
                  settings.device == "cpu"
                      ? "measure.latency.device: cuda, but --device cpu gives the run no GPU; leave one of them out"
                      : "measure.latency.device: this machine has no GPU; write device: cpu, or run with --workers 0 "
                        "and let pools join that have one");
    }
    if (cores > 0 && latency->threads > cores && latency->device != "cuda") {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("measure.latency.threads: {} threads on a machine of {} processors would time their "
                              "waiting; use at most {}",
                              latency->threads, cores, cores));
    }
  }
}

void add_failure_options(CLI::App& command, RunOptions& options) {
  CLI::Option* most =
      command.add_option("--max-failures", options.max_failures,
                         "Stop when more jobs than this are quarantined (over on_failure.max_failures)");
  most->check(whole_number_option(0, 1'000'000));
  command
      .add_flag_callback(
          "--fail-fast", [&options] { options.max_failures = 0; }, "Stop at the first one: --max-failures 0")
      ->excludes(most);
  group_options(command, kFailureHeading, {"--max-failures", "--fail-fast"});
}

}  // namespace

void add_coordinator_options(CLI::App& command, RunSettings& settings, CommandLine& line) {
  command.add_option("--store", line.store, "Folder of the results: made if missing, continued if not")
      ->capture_default_str();
  command
      .add_option("--workers", settings.workers,
                  "MPI ranks (run: as many as cores by default; 0: none, pools join by themselves)")
      ->check(whole_number_option(0, 4096));
  command.add_option("--device", settings.device, "auto, cpu, cuda or cuda:N")
      ->check(CLI::Validator(refuse_odd_device, "DEVICE"))
      ->capture_default_str();
  command
      .add_option("--host", settings.host,
                  "Address to listen on: 127.0.0.1 is for this machine alone, 0.0.0.0 all of its addresses")
      ->capture_default_str();
  command.add_option("--port", settings.port, "Port to listen on (0: any free one)")
      ->check(whole_number_option(0, 65535))
      ->capture_default_str();
  command.add_option("--checkpoint-every", settings.checkpoint_seconds, "Seconds between checkpoints of a training")
      ->check(whole_number_option(1, 86400))
      ->capture_default_str();
  command
      .add_option(
          "--pool-starts", settings.pool_starts,
          "Give up after so many starts in a row that got nothing done (0: 3, or 8 if they reached the coordinator)")
      ->check(whole_number_option(0, 1'000'000));
  command
      .add_option("--start-limit", settings.start_limit_s,
                  "Seconds after which workers that have not reached the coordinator are killed (0: never)")
      ->check(number_option(0.0, 86400.0))
      ->capture_default_str();
  command.add_flag("--allow-network-filesystem", settings.allow_network_filesystem,
                   "Keep the store on NFS, Lustre, ... all the same: slower, and for one machine at a time");
  command
      .add_option(
          "--hang-limit", settings.hang_seconds,
          "Seconds without progress, and much longer than its steps take, after which a job is killed (0: never)")
      ->check(number_option(0.0, 1e9))
      ->capture_default_str();
  command
      .add_option("--memory-per-rank", settings.memory_gb,
                  "GB that a rank may fill (0: no limit; default: its share of the machine, with CUDA no limit)")
      ->check(number_option(0.0, 1e6));
  command
      .add_option("--grace", settings.grace_seconds,
                  "Seconds to wait for the steps that run when a pool is to leave (0: as long as they take)")
      ->check(number_option(0.0, 1e9))
      ->capture_default_str();
  group_options(command, "Workers on this machine",
                {"--workers", "--device", "--memory-per-rank", "--checkpoint-every", "--grace"});
  group_options(command, "Pools that join from elsewhere", {"--host", "--port"});
  group_options(command, kFailureHeading, {"--hang-limit", "--start-limit", "--pool-starts"});
}

void add_run_options(CLI::App& command, RunOptions& options, CommandLine& line) {
  options.program = line.program;
  add_sweep_options(command, options.sweep);
  add_coordinator_options(command, options.settings, line);
  add_failure_options(command, options);
  command.add_flag("--quiet", options.quiet, "No table at the end, and no commands to go on with");
}

LoadedSweep load_sweep_to_run(RunOptions& options, const std::string& store) {
  options.settings.store = store;
  options.settings.data = data_folder(options.sweep.data);
  LoadedSweep sweep = load_sweep(options.sweep.file, options.sweep.overrides, options.settings.data,
                                 load_store_config(StorePaths{store}));
  require_what_is_timed(sweep, options.settings);
  if (options.max_failures) sweep.on_failure.max_failures = options.max_failures;
  for (const Diagnostic& warning : sweep.warnings) std::cerr << to_string(warning) << "\n";
  return sweep;
}

}  // namespace espalier
