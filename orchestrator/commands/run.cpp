#include <CLI/CLI.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/run_and_report.h"

namespace espalier {

void add_run_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("run", "Run a sweep here, to the table of what beats random pruning; resumes where it was");
  auto options = std::make_shared<RunOptions>();
  add_run_options(*command, *options, line);
  command->callback([options, &line] {
    const LoadedSweep sweep = load_sweep_to_run(*options, line.store);
    line.exit_code = run_and_report(sweep, *options);
  });
}

}  // namespace espalier
