#include <CLI/CLI.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/detach_option.h"
#include "orchestrator/commands/run_and_report.h"

namespace espalier {

void add_run_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("run", "Run a sweep here, to the table of what beats random pruning; resumes where it was");
  auto options = std::make_shared<RunOptions>();
  auto detached = std::make_shared<bool>(false);
  add_run_options(*command, *options, line);
  add_detach_option(*command, *detached);
  command->callback([options, detached, &line] {
    if (*detached) {
      load_sweep_to_run(*options, line.store);  // reports its errors here
      line.exit_code = run_detached(line, "run.log");
      return;
    }
    line.exit_code = run_and_report(load_sweep_to_run(*options, line.store), *options);
  });
}

}  // namespace espalier
