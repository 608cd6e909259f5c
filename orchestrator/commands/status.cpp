#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "db/read/store_reader.h"
#include "db/rows/rows_json.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/client/client.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/coordinator/progress.h"

namespace espalier {
namespace {

std::string without_result_text(const SweepRow& sweep) {
  if (sweep.trials_failed + sweep.trials_blocked == 0) return "";
  return fmt::format("; trials without a result: {} failed, {} blocked", sweep.trials_failed, sweep.trials_blocked);
}

void print_status(const std::string& store, bool as_json) {
  const StoreReader reader(store);
  const std::vector<SweepRow> sweeps = reader.sweeps();
  const std::vector<FailedStageRow> failures = reader.failures();
  if (as_json) {
    nlohmann::ordered_json json;
    json["store"] = store;
    json["sweeps"] = sweeps;
    json["failures"] = failures;
    std::cout << json_text(json) << "\n";
    return;
  }
  if (sweeps.empty()) std::cout << store << " has no sweeps yet; start one with: espalier run SWEEP.yaml\n";
  for (const SweepRow& sweep : sweeps) {
    std::cout << fmt::format("{:<24} {:<10} {}/{} trials, {}/{} stages, {} failed, {} running{}{}\n", sweep.label,
                             sweep.state, sweep.trials_done, sweep.trials, sweep.stages_done, sweep.stages,
                             sweep.stages_failed, sweep.running_attempts,
                             sweep.trials_collapsed == 0 ? "" : fmt::format(", {} collapsed", sweep.trials_collapsed),
                             without_result_text(sweep));
  }
  for (const FailedStageRow& failure : failures) {
    std::cout << fmt::format("failed: {} [{}]{}: {}: {}: {}\n", failure.label, failure.key.substr(0, 12),
                             failure.host.empty() ? "" : " on " + failure.host, failure.failure_cause,
                             failure.failure_kind, failure.failure_message);
  }
  if (!failures.empty()) std::cout << "espalier failures says what they have in common\n";
}

/// A line that is written over, until there is nothing more to wait for.
void watch(const std::string& store) {
  constexpr auto kPeriod = std::chrono::seconds(1);
  ProgressLine line(std::cout, ::isatty(STDOUT_FILENO) != 0);
  while (true) {
    nlohmann::json now;
    try {
      now = nlohmann::json::parse(ask_coordinator(CoordinatorSource::in_store(store), "status"));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
      break;  // it has ended
    }
    line.update(now.at("text").get<std::string>(), utc_seconds());
    const auto& sweeps = now.at("sweeps");
    const bool any_left = std::ranges::any_of(sweeps, [](const nlohmann::json& sweep) {
      return sweep.at("state") == "running" || sweep.at("state") == "paused";
    });
    if (!any_left || !std::cout) break;  // or its reader has gone
    std::this_thread::sleep_for(kPeriod);
  }
  line.finish();
  print_status(store, false);
}

}  // namespace

void add_status_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("status", "The sweeps of a store: what is done, what runs, what failed and why");
  auto json = std::make_shared<bool>(false);
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON");
  auto watching = std::make_shared<bool>(false);
  command->add_flag("--watch", *watching, "Go on until the sweeps that run are done; Ctrl-C ends only the watching")
      ->excludes("--json");
  command->callback([json, watching, &line] { *watching ? watch(line.store) : print_status(line.store, *json); });
}

}  // namespace espalier
