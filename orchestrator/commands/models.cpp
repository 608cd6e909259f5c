#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/catalog.h"
#include "experiments/model_description.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

constexpr std::array<std::int64_t, 3> kMnistShape{1, 28, 28};
constexpr std::int64_t kMnistClasses = 10;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

void print_models(bool as_json) {
  nlohmann::json list = nlohmann::json::array();
  for (const CatalogEntry& entry : list_models()) {
    const ModelDescription model = describe_model({std::string(entry.name), kMnistShape, kMnistClasses});
    const ModelCounts counts = count_model(model);
    nlohmann::json layers = nlohmann::json::array();
    if (!as_json) {
      std::cout << fmt::format(
          "{}\n  {}\n  {}\n  {} parameters, {} of them prunable weights; {} multiply-adds for one example\n",
          entry.name, entry.about, entry.paper, counts.parameters, counts.prunable, counts.madds);
    }
    for (const PrunableLayer& layer : prunable_layers(model)) {
      layers.push_back(
          {{"name", layer.name}, {"shape", layer.shape}, {"weights", layer.weights}, {"madds", layer.madds}});
      if (!as_json)
        std::cout << fmt::format("    {:<8} {:<18} {:>9} weights {:>11} multiply-adds\n", layer.name,
                                 shape_text(layer.shape), layer.weights, layer.madds);
    }
    list.push_back({{"name", entry.name},
                    {"about", entry.about},
                    {"paper", entry.paper},
                    {"input", kMnistShape},
                    {"classes", kMnistClasses},
                    {"parameters", counts.parameters},
                    {"prunable", counts.prunable},
                    {"madds", counts.madds},
                    {"layers", layers}});
  }
  if (as_json) {
    std::cout << list.dump(2) << "\n";
  } else {
    std::cout
        << "\nCounts are for 1 x 28 x 28 inputs and 10 classes; the input and output layers adapt to the dataset.\n";
  }
}

}  // namespace

void add_models_command(CLI::App& app, CommandLine&) {
  CLI::App* command =
      app.add_subcommand("models", "Networks with their parameters, prunable weights and multiply-adds");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([json] { print_models(*json); });
}

}  // namespace espalier
