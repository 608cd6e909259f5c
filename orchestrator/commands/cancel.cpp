#include <iostream>

#include <CLI/CLI.hpp>

#include "experiments/store_paths.h"
#include "orchestrator/client.h"
#include "orchestrator/commands/commands.h"

namespace espalier {

void add_cancel_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("cancel", "Stop the sweep that runs on a store; the same run goes on later");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->callback([&line] {
    cancel_sweep(StorePaths{line.store});
    std::cout << "cancelled; running jobs write a checkpoint, and the same espalier run goes on from there\n";
  });
}

}  // namespace espalier
