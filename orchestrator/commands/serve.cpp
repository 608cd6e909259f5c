#include <iostream>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/connection_hint.h"
#include "orchestrator/commands/options/detach_option.h"
#include "orchestrator/commands/options/run_options.h"
#include "orchestrator/coordinator/serve_sweeps.h"

namespace espalier {
namespace {

ExitCode serve(const RunSettings& settings) {
  ProgressLine progress(std::cout, ::isatty(STDOUT_FILENO) != 0);
  serve_sweeps(settings, progress, [&](int port) {
    std::cout << connection_hint(settings.host, port, ::getpid(), settings.store.string()) << std::flush;
  });
  std::cout << "stopped; what was submitted goes on with the next espalier serve\n";
  return kExitDone;
}

}  // namespace

void add_serve_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("serve", "A coordinator that stays: runs the sweeps that are submitted, with pools that join");
  auto settings = std::make_shared<RunSettings>();
  settings->workers = 0;
  auto detached = std::make_shared<bool>(false);
  add_coordinator_options(*command, *settings, line);
  add_detach_option(*command, *detached);
  command->callback([settings, detached, &line] {
    settings->store = std::filesystem::absolute(line.store);
    line.exit_code = *detached ? run_detached(line, "serve.log") : serve(*settings);
  });
}

}  // namespace espalier
