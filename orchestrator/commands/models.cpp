#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/formats/json_text.h"
#include "experiments/models/model_description.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/model_graph.h"

namespace espalier {
namespace {

constexpr std::int64_t kClasses = 10;  // of MNIST and of CIFAR-10

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

nlohmann::json describe(const std::string& name) {
  const ModelEntry& entry = find_model(name);
  const ModelDescription model = describe_model({name, entry.images, kClasses});
  const ModelCounts counts = count_model(model);
  nlohmann::json layers = nlohmann::json::array();
  for (const PrunableLayer& layer : prunable_layers(model)) {
    layers.push_back(
        {{"name", layer.name}, {"shape", layer.shape}, {"weights", layer.weights}, {"madds", layer.madds}});
  }
  return {{"name", name},
          {"about", entry.about},
          {"paper", entry.paper},
          {"input", entry.images},
          {"classes", kClasses},
          {"parameters", counts.parameters},
          {"prunable", counts.prunable},
          {"madds", counts.madds},
          {"layers", layers}};
}

void print_model(const nlohmann::json& model, bool with_layers) {
  std::cout << fmt::format(
      "{}\n  {}\n  {}\n  {} inputs: {} parameters, {} of them prunable weights in {} layers; {} multiply-adds\n",
      model["name"].get<std::string>(), model["about"].get<std::string>(), model["paper"].get<std::string>(),
      shape_text(model["input"]), model["parameters"].get<std::int64_t>(), model["prunable"].get<std::int64_t>(),
      model["layers"].size(), model["madds"].get<std::int64_t>());
  if (!with_layers) return;
  for (const nlohmann::json& layer : model["layers"]) {
    std::cout << fmt::format("    {:<20} {:<18} {:>9} weights {:>11} multiply-adds\n", layer["name"].get<std::string>(),
                             shape_text(layer["shape"]), layer["weights"].get<std::int64_t>(),
                             layer["madds"].get<std::int64_t>());
  }
}

/// The graphs of models given by name.
void print_graphs(const std::vector<std::string>& names, const std::string& format, bool as_json) {
  if (names.empty())
    throw Error(ErrorKind::invalid_input,
                "--graph shows one model's operators; name it, as in: espalier models lenet-5 --graph");
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : names) {
    const ModelDescription model = describe_model({name, find_model(name).images, kClasses});
    if (as_json) {
      list.push_back({{"name", name}, {"graph", graph_facts(model)}});
    } else if (format == "dot") {
      std::cout << graph_as_dot(*model.graph);
    } else {
      std::cout << name << "\n\n" << graph_table(graph_facts(model));
    }
  }
  if (as_json) std::cout << json_text(list) << "\n";
}

/// One example per family. Layers are listed only for models given by name.
void print_models(std::vector<std::string> names, bool as_json) {
  const bool all = names.empty();
  if (all) {
    for (const ModelEntry& entry : list_models()) names.push_back(std::string(entry.name) + std::string(entry.sizes));
  }
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : names) list.push_back(describe(name));
  if (as_json) {
    std::cout << json_text(list) << "\n";
    return;
  }
  for (const nlohmann::json& model : list) print_model(model, !all);
  std::cout
      << "\nCounts are for one example of that shape and 10 classes; input and output layers adapt to the dataset."
      << (all ? "\n`espalier models NAME` also lists a model's layers.\n" : "\n");
}

}  // namespace

void add_models_command(CLI::App& app, CommandLine&) {
  CLI::App* command =
      app.add_subcommand("models", "Networks with their parameters, prunable weights and multiply-adds");
  auto names = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  command->add_option("NAME", *names, "Only these, with their layers; a family's sizes may be any: mlp-512-256");
  auto graph = std::make_shared<std::string>();
  command
      ->add_option("--graph", *graph,
                   "Operators, what could be removed and what is left alone: table, or dot for Graphviz")
      ->expected(0, 1)
      ->default_str("table")
      ->check(CLI::IsMember({"table", "dot"}));
  command->add_flag("--json", *json, "As JSON");
  command->callback([command, names, graph, json] {
    if (command->count("--graph") > 0) return print_graphs(*names, *graph, *json);
    print_models(*names, *json);
  });
}

}  // namespace espalier
