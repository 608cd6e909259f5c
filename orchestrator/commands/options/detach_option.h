#pragma once

#include <string>

#include "orchestrator/commands/exit_codes.h"

namespace CLI {
class App;
}

namespace espalier {

struct CommandLine;

/// `--detach`: go on in the background.
void add_detach_option(CLI::App& command, bool& detached);

/// Starts the same command without --detach, waits until it coordinates its store, and says how to reach it. What it
/// prints goes to `log` in the store's folder of logs. Errors: those of start_detached.
ExitCode run_detached(const CommandLine& line, const std::string& log);

}  // namespace espalier
