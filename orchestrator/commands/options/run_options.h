#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/coordinator/run_sweep.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {

struct CommandLine;

/// What every command that runs a sweep takes.
struct RunOptions {
  SweepOptions sweep;
  RunSettings settings;
  std::optional<std::int64_t> max_failures;  ///< wins over what the sweep and the store say
  bool quiet = false;
  std::string program;  ///< CommandLine's
};

/// Of whatever coordinates a store: where it listens, and the workers that it starts here.
void add_coordinator_options(CLI::App& command, RunSettings& settings, CommandLine& line);
void add_run_options(CLI::App& command, RunOptions& options, CommandLine& line);

/// Reads the sweep for a run on that store, prints its warnings, and applies the options.
/// Errors: those of load_sweep and load_store_config.
LoadedSweep load_sweep_to_run(RunOptions& options, const std::string& store);

}  // namespace espalier
