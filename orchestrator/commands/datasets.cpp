#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/datasets/dataset.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

void print_datasets(const DataFolder& folder, bool as_json) {
  nlohmann::json list = nlohmann::json::array();
  for (const DatasetStatus& dataset : list_datasets(folder)) {
    list.push_back(
        {{"name", dataset.name}, {"about", dataset.about}, {"present", dataset.present}, {"where", dataset.where}});
    if (!as_json)
      std::cout << fmt::format("{:<13} {:<8} {}\n{:<22} {}\n", dataset.name, dataset.present ? "present" : "missing",
                               dataset.about, "", dataset.where);
  }
  if (as_json) std::cout << json_text(list) << "\n";
}

}  // namespace

void add_datasets_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("datasets", "Which datasets are here; fetch: download one");
  auto json = std::make_shared<bool>(false);
  auto data = std::make_shared<std::string>();
  command->add_flag("--json", *json, "As JSON");
  command->add_option("--data", *data, "Folder of the datasets (default: $ESPALIER_DATA, else ./data)");
  command->require_subcommand(0, 1);
  add_datasets_fetch_command(*command, data, line);
  command->callback([command, json, data] {
    if (command->get_subcommands().empty()) print_datasets(data_folder(*data), *json);
  });
}

}  // namespace espalier
