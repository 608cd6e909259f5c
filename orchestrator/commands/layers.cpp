#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "analysis/masks/mask_reports.h"
#include "db/read/store_reader.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_name_option.h"
#include "orchestrator/sweeps/trial_shape.h"

namespace espalier {

void add_layers_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("layers", "Where each method keeps its weights: density profiles by layer");
  auto sweep = std::make_shared<std::string>();
  auto trial = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  add_sweep_name(*command, *sweep, "default: its only one");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON, a row for each layer of each trial");
  command->add_option(
      "--trial", *trial,
      "Instead: what a trial's network would be without the channels, heads and blocks it removed, layer by "
      "layer (the first digits of its key)");
  command->callback([sweep, trial, json, &line] {
    if (!trial->empty()) {
      const nlohmann::json shape = trial_shape(line.store, *trial);
      std::cout << (*json ? json_text(shape) + "\n" : shape_table(shape));
      return;
    }
    std::cout << render_layer_densities(StoreReader(line.store).layer_densities(only_sweep(line.store, *sweep)), *json);
  });
}

}  // namespace espalier
