#include "orchestrator/chaos/chaos.h"

#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/number_option.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_options.h"

namespace espalier {
namespace {

struct ChaosRun {
  SweepOptions sweep;
  ChaosOptions chaos;
  std::string folder = "espalier-chaos";
  int workers = 0;
  bool as_json = false;
};

/// Injected faults are not the jobs' fault: no budget is charged.
constexpr const char* kUnlimitedBudgets[] = {"on_failure.crashes=1000000", "on_failure.without_progress=1000000",
                                             "on_failure.node_crashes=1000000"};

void print_chaos_json(const ChaosReport& report) {
  nlohmann::ordered_json json;
  json["trials"] = report.trials;
  for (std::size_t kind = 0; kind < kFaults; ++kind)
    json["faults"][std::string(to_string(static_cast<Fault>(kind)))] = report.injected[kind];
  json["coordinator_starts"] = report.starts;
  json["violations"] = report.violations;
  std::cout << json_text(json) << "\n";
}

void print_chaos_text(const ChaosReport& report) {
  std::string kinds;
  for (std::size_t kind = 0; kind < kFaults; ++kind) {
    kinds +=
        fmt::format("{}{} {}", kinds.empty() ? "" : ", ", report.injected[kind], to_string(static_cast<Fault>(kind)));
  }
  std::cout << fmt::format("{} faults ({}); the coordinator was started {} times\n", report.faults(), kinds,
                           report.starts);
  for (const std::string& violation : report.violations) std::cout << "violated: " << violation << "\n";
  if (report.violations.empty())
    std::cout << fmt::format("all {} trials have one result each, equal to those of the undisturbed run\n",
                             report.trials);
}

ExitCode run(ChaosRun options) {
  options.chaos.program = std::filesystem::read_symlink("/proc/self/exe");
  options.chaos.folder = std::filesystem::absolute(options.folder);
  options.chaos.run.push_back(options.sweep.file);
  for (const std::string& assignment : options.sweep.overrides)
    options.chaos.run.insert(options.chaos.run.end(), {"--set", assignment});
  for (const char* assignment : kUnlimitedBudgets)
    options.chaos.run.insert(options.chaos.run.end(), {"--set", assignment});
  options.chaos.run.insert(options.chaos.run.end(), {"--pool-starts", "1000000"});
  if (!options.sweep.data.empty()) options.chaos.run.insert(options.chaos.run.end(), {"--data", options.sweep.data});
  if (options.workers > 0)
    options.chaos.run.insert(options.chaos.run.end(), {"--workers", std::to_string(options.workers)});
  const auto say = [&](const std::string& line) { (options.as_json ? std::cerr : std::cout) << line << std::endl; };
  const ChaosReport report = run_chaos(options.chaos, say);
  options.as_json ? print_chaos_json(report) : print_chaos_text(report);
  return report.violations.empty() ? kExitDone : kExitInternal;
}

}  // namespace

void add_chaos_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand(
      "chaos",
      "Run a sweep undisturbed and again under injected faults; check that nothing is lost and the bits agree");
  auto options = std::make_shared<ChaosRun>();
  options->chaos.chance.fill(0.05);
  add_sweep_options(*command, options->sweep);
  command->add_option("--folder", options->folder, "Folder of the stores and their logs; finished work in it is kept")
      ->capture_default_str();
  command->add_option("--workers", options->workers, "MPI ranks (default: as many as cores)")
      ->check(whole_number_option(1, 4096));
  for (std::size_t kind = 0; kind < kFaults; ++kind) {
    const std::string name(to_string(static_cast<Fault>(kind)));
    command->add_option("--" + name, options->chaos.chance[kind], "Probability of this fault in each beat")
        ->check(number_option(0.0, 1.0))
        ->capture_default_str();
  }
  command->add_option("--beat", options->chaos.beat_s, "Seconds between two draws")
      ->check(number_option(0.01, 3600.0))
      ->capture_default_str();
  command->add_option("--faults", options->chaos.most, "Inject at most so many")
      ->check(whole_number_option(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--at-least", options->chaos.least,
                   "A sweep that ends before so many faults is run once more, in another store")
      ->check(whole_number_option(0, 1'000'000));
  command->add_option("--seed", options->chaos.seed, "Seed of the draws")
      ->check(whole_number_option(0, INT64_MAX))
      ->capture_default_str();
  command->add_option("--limit", options->chaos.limit_s, "Seconds that each of the two runs may take")
      ->check(number_option(1, 1e7))
      ->capture_default_str();
  command->add_flag("--json", options->as_json, "The report as JSON");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace espalier
