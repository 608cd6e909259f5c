#include <iostream>

#include <CLI/CLI.hpp>

#include "analysis/masks/mask_reports.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {

void add_sensitivity_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("sensitivity", "How the loss rises when one layer alone is pruned");
  auto sweep = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  add_sweep_name(*command, *sweep, "default: its only one");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON, a row for each point of a curve");
  command->callback([sweep, json, &line] {
    std::cout << render_sensitivities(StoreReader(line.store).sensitivities(only_sweep(line.store, *sweep)), *json);
  });
}

}  // namespace espalier
