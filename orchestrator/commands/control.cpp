// What changes how a coordinator goes on: cancel, pause, resume, priority, drain, stop. One question each.
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/number_option.h"
#include "orchestrator/client/client.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/coordinator_option.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {
namespace {

struct Steering {
  std::string sweep, pool;
  int priority = 0;
};

/// A subcommand that names a sweep; the only one may stay unnamed.
void add_for_sweep(CLI::App& app, CommandLine& line, const std::string& name, const std::string& about,
                   const std::string& done) {
  CLI::App* command = app.add_subcommand(name, about);
  const auto coordinator = add_coordinator_options(*command, line);
  auto steering = std::make_shared<Steering>();
  add_sweep_name(*command, steering->sweep, "default: the only one that runs");
  command->callback([steering, name, done, coordinator] {
    ask_coordinator(coordinator(), name, question_arguments({{"sweep", steering->sweep}}));
    std::cout << done << "\n";
  });
}

}  // namespace

void add_steering_commands(CLI::App& app, CommandLine& line) {
  add_for_sweep(
      app, line, "cancel", "Stop a sweep; running or submitting it again goes on where it was",
      "cancelled; running jobs write a checkpoint, and the same sweep goes on from there when it is run again");
  add_for_sweep(app, line, "pause", "Hand out nothing more of a sweep; what runs goes on", "paused");
  add_for_sweep(app, line, "resume", "Go on with a paused sweep", "going on");

  CLI::App* priority = app.add_subcommand("priority", "Let a sweep go before others, or after them");
  const auto priority_at = add_coordinator_options(*priority, line);
  auto steering = std::make_shared<Steering>();
  priority->add_option("SWEEP", steering->sweep, "A sweep that runs, by the label that status shows")->required();
  priority->add_option("PRIORITY", steering->priority, "Higher goes first; 0 is usual")
      ->required()
      ->check(whole_number_option(-1000, 1000));
  priority->callback([steering, priority_at] {
    const nlohmann::json arguments{{"sweep", steering->sweep}, {"priority", steering->priority}};
    ask_coordinator(priority_at(), "priority", question_arguments(arguments));
    std::cout << steering->sweep << " has priority " << steering->priority << "\n";
  });

  CLI::App* drain = app.add_subcommand("drain", "Let a pool checkpoint what it runs, and leave");
  const auto drain_at = add_coordinator_options(*drain, line);
  auto drained = std::make_shared<Steering>();
  drain->add_option("POOL", drained->pool, "Its name; espalier ps --pools lists them")->required();
  drain->callback([drained, drain_at] {
    ask_coordinator(drain_at(), "drain", question_arguments({{"pool", drained->pool}}));
    std::cout << drained->pool << " is leaving; what it runs goes on elsewhere from its checkpoints\n";
  });

  CLI::App* stop = app.add_subcommand("stop", "End the coordinator; its sweeps go on when it is started again");
  const auto stop_at = add_coordinator_options(*stop, line);
  stop->callback([stop_at] {
    ask_coordinator(stop_at(), "stop");
    std::cout << "stopping; running jobs write a checkpoint\n";
  });
}

}  // namespace espalier
