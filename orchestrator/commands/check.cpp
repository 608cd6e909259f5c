#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

void check_sweep_file(const SweepOptions& options, bool as_json) {
  const LoadedSweep sweep = load_sweep(options.file, options.overrides, data_folder(options.data));
  if (as_json) {
    nlohmann::json warnings = nlohmann::json::array();
    for (const Diagnostic& warning : sweep.warnings) {
      warnings.push_back(
          {{"line", warning.line}, {"column", warning.column}, {"path", warning.path}, {"message", warning.message}});
    }
    std::cout << json_text(nlohmann::json{{"sweep", sweep.name},
                                          {"trials", sweep.trials.size()},
                                          {"stages", sweep.graph.stages.size()},
                                          {"warnings", warnings}})
              << "\n";
    return;
  }
  for (const Diagnostic& warning : sweep.warnings) std::cout << to_string(warning) << "\n";
  std::cout << fmt::format(
      "{}: good: {} trials, {} stages{}\n", options.file, sweep.trials.size(), sweep.graph.stages.size(),
      sweep.warnings.empty()
          ? ""
          : fmt::format(", {} warning{}", sweep.warnings.size(), sweep.warnings.size() == 1 ? "" : "s"));
}

}  // namespace

void add_check_command(CLI::App& app, CommandLine&) {
  CLI::App* command = app.add_subcommand("check", "Validate a sweep, and warn of what would make its conclusions weak");
  auto options = std::make_shared<SweepOptions>();
  auto json = std::make_shared<bool>(false);
  add_sweep_options(*command, *options);
  command->add_flag("--json", *json, "As JSON");
  command->callback([options, json] { check_sweep_file(*options, *json); });
}

}  // namespace espalier
