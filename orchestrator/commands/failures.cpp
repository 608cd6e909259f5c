#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "analysis/failures/failure_evidence.h"
#include "analysis/failures/failure_report.h"
#include "db/read/store_reader.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {
namespace {

struct FailuresOptions {
  std::string sweep;
  bool json = false;
  bool verbose = false;
};

void print_failures(const FailuresOptions& options, const std::string& store) {
  const StoreReader reader(store);
  std::vector<std::string> sweeps;
  for (const SweepRow& row : reader.sweeps()) sweeps.push_back(row.label);
  if (!options.sweep.empty()) sweeps = {options.sweep};
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const std::string& sweep : sweeps) json.push_back(failures_json(sweep, read_failure_evidence(reader, sweep)));
    std::cout << json_text(json) << "\n";
    return;
  }
  if (sweeps.empty()) std::cout << store << " has no sweeps yet; start one with: espalier run SWEEP.yaml\n";
  const FailureReportOptions report{store == CommandLine().store ? "" : " --store " + store, options.verbose};
  for (const std::string& sweep : sweeps) {
    if (sweep != sweeps.front()) std::cout << "\n";
    std::cout << render_failures(sweep, read_failure_evidence(reader, sweep), report);
  }
}

}  // namespace

void add_failures_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("failures", "What failed, grouped by what is bad: a job, a node, or a part of the sweep");
  auto options = std::make_shared<FailuresOptions>();
  add_sweep_name(*command, options->sweep, "default: all of them");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
  command->add_flag("-v,--verbose", options->verbose, "Whole logs and backtraces, and every job of a group");
  command->callback([options, &line] { print_failures(*options, line.store); });
}

}  // namespace espalier
