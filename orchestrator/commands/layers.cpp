#include <iostream>

#include <CLI/CLI.hpp>

#include "analysis/masks/mask_reports.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {

void add_layers_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("layers", "Where each method keeps its weights: density profiles by layer");
  auto sweep = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  add_sweep_name(*command, *sweep, "default: its only one");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON, a row for each layer of each trial");
  command->callback([sweep, json, &line] {
    std::cout << render_layer_densities(StoreReader(line.store).layer_densities(only_sweep(line.store, *sweep)), *json);
  });
}

}  // namespace espalier
