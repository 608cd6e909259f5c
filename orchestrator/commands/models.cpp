#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/number_option.h"
#include "experiments/catalog/catalog.h"
#include "experiments/formats/json_text.h"
#include "experiments/models/model_description.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/model_graph.h"
#include "orchestrator/sweeps/resolve_model_file.h"

namespace espalier {
namespace {

constexpr std::int64_t kClasses = 10;  // of MNIST and of CIFAR-10

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

/// How a file is looked at, where it is one.
struct ModelExamples {
  std::vector<std::int64_t> input;  ///< channels, height, width
  std::int64_t classes = kClasses;
  std::string output;  ///< of a file that gives several
};

bool is_file(const std::string& name) {
  return name.ends_with(".onnx") || name.ends_with(".pt") || name.find('/') != std::string::npos;
}

/// A model with where it comes from.
struct Shown {
  ModelDescription model;
  std::string about, paper;
};

Shown find_shown(const std::string& name, const ModelExamples& examples) {
  if (!is_file(name)) {
    const ModelEntry& entry = find_model(name);
    return {describe_model({name, entry.images, kClasses}), std::string(entry.about), std::string(entry.paper)};
  }
  if (examples.input.size() != 3)
    throw Error(ErrorKind::invalid_input, name + ": say what its examples are, as in --input 3,32,32");
  const std::string format = name.ends_with(".onnx") ? kOnnx : kTorchScript;
  const std::array<std::int64_t, 3> input{examples.input[0], examples.input[1], examples.input[2]};
  const ModelFile file =
      resolve_model_file({{"", name, format, examples.output}, input, false, examples.classes}, {}).file;
  Shown shown{describe_model({name, input, examples.classes, file}), "imported as a graph of operators", ""};
  if (!file.is_graph)
    shown.about = "a black box, of which only weights, rows and filters can be removed: " + file.obstacle;
  for (const std::string& remark : file.remarks) shown.about += "; " + remark;
  return shown;
}

nlohmann::json describe(const std::string& name, const ModelExamples& examples) {
  const auto [model, about, paper] = find_shown(name, examples);
  const ModelCounts counts = count_model(model);
  nlohmann::json layers = nlohmann::json::array();
  for (const PrunableLayer& layer : prunable_layers(model)) {
    layers.push_back(
        {{"name", layer.name}, {"shape", layer.shape}, {"weights", layer.weights}, {"madds", layer.madds}});
  }
  return {{"name", name},
          {"about", about},
          {"paper", paper},
          {"input", model.input},
          {"classes", model.classes},
          {"parameters", counts.parameters},
          {"prunable", counts.prunable},
          {"madds", counts.madds},
          {"layers", layers}};
}

void print_model(const nlohmann::json& model, bool with_layers) {
  std::cout << fmt::format(
      "{}\n  {}\n{}  {} inputs: {} parameters, {} of them prunable weights in {} layers; {} multiply-adds\n",
      model["name"].get<std::string>(), model["about"].get<std::string>(),
      model["paper"] == "" ? "" : "  " + model["paper"].get<std::string>() + "\n", shape_text(model["input"]),
      model["parameters"].get<std::int64_t>(), model["prunable"].get<std::int64_t>(), model["layers"].size(),
      model["madds"].get<std::int64_t>());
  if (!with_layers) return;
  for (const nlohmann::json& layer : model["layers"]) {
    std::cout << fmt::format("    {:<20} {:<18} {:>9} weights {:>11} multiply-adds\n", layer["name"].get<std::string>(),
                             shape_text(layer["shape"]), layer["weights"].get<std::int64_t>(),
                             layer["madds"].get<std::int64_t>());
  }
}

/// The graphs of models given by name.
void print_graphs(const std::vector<std::string>& names, const ModelExamples& examples, const std::string& format,
                  bool as_json) {
  if (names.empty())
    throw Error(ErrorKind::invalid_input,
                "--graph shows one model's operators; name it, as in: espalier models lenet-5 --graph");
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : names) {
    const ModelDescription model = find_shown(name, examples).model;
    if (!model.graph)
      throw Error(ErrorKind::invalid_input, name + ": cannot be a graph of operators: " + model.file->obstacle);
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
void print_models(std::vector<std::string> names, const ModelExamples& examples, bool as_json) {
  const bool all = names.empty();
  if (all) {
    for (const ModelEntry& entry : list_models()) names.push_back(std::string(entry.name) + std::string(entry.sizes));
  }
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : names) list.push_back(describe(name, examples));
  if (as_json) {
    std::cout << json_text(list) << "\n";
    return;
  }
  for (const nlohmann::json& model : list) print_model(model, !all);
  if (!all && std::ranges::all_of(names, is_file)) return;
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
  command->add_option(
      "NAME", *names,
      "Only these, with their layers; a family's sizes may be any: mlp-512-256; or files, net.onnx or net.pt");
  auto graph = std::make_shared<std::string>();
  command
      ->add_option("--graph", *graph,
                   "Operators, what could be removed and what is left alone: table, or dot for Graphviz")
      ->expected(0, 1)
      ->default_str("table")
      ->check(CLI::IsMember({"table", "dot"}));
  command->add_flag("--json", *json, "As JSON");
  auto examples = std::make_shared<ModelExamples>();
  command->add_option("--input", examples->input, "Of a file: C,H,W of its examples")
      ->delimiter(',')
      ->expected(3)
      ->check(whole_number_option(1, 1 << 20));
  command->add_option("--classes", examples->classes, "Of a file: how many numbers it gives")
      ->check(whole_number_option(1, 65'536))
      ->capture_default_str();
  command->add_option("--output", examples->output, "Of a file with several outputs: which, by name or place");
  command->callback([command, names, examples, graph, json] {
    if (command->count("--graph") > 0) return print_graphs(*names, *examples, *graph, *json);
    print_models(*names, *examples, *json);
  });
}

}  // namespace espalier
