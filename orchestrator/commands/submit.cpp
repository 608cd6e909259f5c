#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/number_option.h"
#include "base/utf8.h"
#include "base/waiting_notice.h"
#include "cluster/launch/worker_program.h"
#include "experiments/datasets/dataset.h"
#include "orchestrator/client/client.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/coordinator_option.h"
#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

struct SubmitOptions {
  SweepOptions sweep;
  int priority = 0;
  bool json = false;
};

void submit(const SubmitOptions& options, const CoordinatorSource& coordinator, const std::string& store) {
  const nlohmann::json arguments{{"yaml", read_file(options.sweep.file, kLargestSweepBytes, Readable::pipe_too)},
                                 {"file", options.sweep.file},
                                 {"overrides", options.sweep.overrides},
                                 {"data", std::filesystem::absolute(data_folder(options.sweep.data)).string()},
                                 {"folder", std::filesystem::current_path().string()},
                                 {"priority", options.priority}};
  const std::string answer = [&] {
    const WaitingNotice notice(fmt::format(
        "{}: still waiting for the coordinator, which reads its data and runs the code of its modules; each "
        "gets what {} says there",
        printable(options.sweep.file), kQueryLimitVariable));
    return ask_coordinator(coordinator, "submit", question_arguments(arguments));
  }();
  if (options.json) {
    std::cout << answer << "\n";
    return;
  }
  const auto taken = nlohmann::json::parse(answer);
  const std::string name = taken.at("sweep");
  for (const auto& warning : taken.value("warnings", std::vector<std::string>())) std::cerr << warning << "\n";
  std::cout << fmt::format("{}{}: {} trials, {} of {} stages are done already\n", name,
                           taken.at("runs_already").get<bool>() ? " runs already" : "", taken.at("trials").dump(),
                           taken.at("done").dump(), taken.at("stages").dump())
            << fmt::format("how it goes: espalier status --watch --store {}\n", store);
}

}  // namespace

void add_submit_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("submit", "Hand a sweep to the coordinator that stays (espalier serve)");
  auto options = std::make_shared<SubmitOptions>();
  add_sweep_options(*command, options->sweep);
  const auto coordinator = add_coordinator_options(*command, line);
  command->add_option("--priority", options->priority, "Higher goes first")
      ->check(whole_number_option(-1000, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, coordinator, &line] { submit(*options, coordinator(), line.store); });
}

}  // namespace espalier
