#pragma once

#include "orchestrator/commands/exit_codes.h"
#include "orchestrator/commands/options/run_options.h"

namespace espalier {

/// Runs the sweep on the store of the options, and prints the progress, the end and the comparison.
/// Errors: those of run_sweep.
ExitCode run_and_report(LoadedSweep sweep, const RunOptions& options);

}  // namespace espalier
