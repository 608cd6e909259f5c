#include <iostream>
#include <map>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/catalog/granularity.h"
#include "experiments/formats/json_text.h"
#include "experiments/pruning/coupled_scopes.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

/// Networks of files whose channels or heads the sweep removes, with the layers that keep all of theirs: of each
/// {"name", "left_alone": [{"layer", "reason"}]}.
Json networks_of(const LoadedSweep& sweep) {
  std::map<std::string, const OperatorGraph*> networks;
  for (const Trial& trial : sweep.trials) {
    const TrialConfig& config = *trial.config;
    if (!config.prune || !config.model.file || !config.model.file->graph) continue;
    const Granularity::Kind kind = parse_granularity(config.prune->granularity).kind;
    if (kind == Granularity::Kind::channel || kind == Granularity::Kind::head)
      networks.emplace(config.model.name, config.model.file->graph.get());
  }
  Json list = Json::array();
  for (const auto& [name, graph] : networks) {
    Json alone = Json::array();
    for (const LeftAlone& one : left_alone(*graph)) alone.push_back({{"layer", one.layer}, {"reason", one.reason}});
    list.push_back({{"name", name}, {"left_alone", std::move(alone)}});
  }
  return list;
}

void print_left_alone(const Json& networks) {
  for (const Json& network : networks) {
    if (network.at("left_alone").empty()) continue;
    std::cout << network.at("name").get<std::string>() << ": left alone by granularities channel and head:\n";
    for (const Json& one : network.at("left_alone"))
      std::cout << "  " << one.at("layer").get<std::string>() << ": " << one.at("reason").get<std::string>() << "\n";
  }
}

void check_sweep_file(const SweepOptions& options, const std::string& store, bool as_json) {
  StoreConfig config;
  config.store = store;
  const LoadedSweep sweep = load_sweep(options.file, options.overrides, data_folder(options.data), config);
  const Json networks = networks_of(sweep);
  if (as_json) {
    Json warnings = Json::array();
    for (const Diagnostic& warning : sweep.warnings) {
      warnings.push_back(
          {{"line", warning.line}, {"column", warning.column}, {"path", warning.path}, {"message", warning.message}});
    }
    std::cout << json_text(Json{{"sweep", sweep.name},
                                {"trials", sweep.trials.size()},
                                {"stages", sweep.graph.stages.size()},
                                {"networks", networks},
                                {"warnings", warnings}})
              << "\n";
    return;
  }
  for (const Diagnostic& warning : sweep.warnings) std::cout << to_string(warning) << "\n";
  print_left_alone(networks);
  std::cout << fmt::format(
      "{}: good: {} trials, {} stages{}\n", options.file, sweep.trials.size(), sweep.graph.stages.size(),
      sweep.warnings.empty()
          ? ""
          : fmt::format(", {} warning{}", sweep.warnings.size(), sweep.warnings.size() == 1 ? "" : "s"));
}

}  // namespace

void add_check_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("check", "Validate a sweep, and warn of what would make its conclusions weak");
  auto options = std::make_shared<SweepOptions>();
  auto json = std::make_shared<bool>(false);
  add_sweep_options(*command, *options);
  command->add_option("--store", line.store, "Folder of the results, whose TorchScript modules stay what they were")
      ->capture_default_str();
  command->add_flag("--json", *json, "As JSON");
  command->callback([options, json, &line] { check_sweep_file(*options, line.store, *json); });
}

}  // namespace espalier
