#include <ctime>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration_text.h"
#include "base/utf8.h"
#include "db/read/store_reader.h"
#include "db/rows/rows_json.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

std::string time_text(double at) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(at)));
}

/// One sentence: why the stage is as it is.
std::string verdict(const StageDetails& details) {
  const std::string& state = details.stage.state;
  if (state == "done") return "done" + (details.finished_at ? " at " + time_text(*details.finished_at) : std::string());
  if (state == "failed") {
    return fmt::format("failed ({}): {}: {}", details.failure_cause, details.failure_kind, details.failure_message);
  }
  if (!details.attempts.empty() && !details.attempts.front().ended_at) {
    return fmt::format("runs since {} on rank {} of {}", time_text(details.attempts.front().started_at),
                       details.attempts.front().rank, details.attempts.front().pool);
  }
  std::string waiting;
  for (const StageInputRow& input : details.inputs) {
    if (input.stage.state != "done")
      waiting += fmt::format("{}{} ({})", waiting.empty() ? "" : ", ", input.stage.label, input.stage.state);
  }
  if (!waiting.empty()) return "waits for " + waiting;
  return details.trials == 0 ? "is not needed by any trial"
                             : "is ready: waits for a free rank, or for its sweep to be run";
}

std::string failure_text(const StageFailureRow& failure) {
  std::string how;
  if (failure.signal) how += fmt::format(", signal {}", *failure.signal);
  if (failure.exit_code) how += fmt::format(", exit code {}", *failure.exit_code);
  return fmt::format("charged to it at {}: {}{}{}: {}{}", time_text(failure.failed_at), failure.cause, how,
                     failure.host.empty() ? "" : " on " + failure.host, printable_lines(failure.message),
                     failure.quarantined ? "; it is quarantined since" : "");
}

void explain(const std::string& store, const std::string& name, bool as_json) {
  const StageDetails details = StoreReader(store).stage(name);
  if (as_json) {
    std::cout << json_text(nlohmann::ordered_json(details)) << "\n";
    return;
  }
  std::cout << fmt::format("{}\n{}\n\n{}\n", details.stage.label, details.stage.key, verdict(details));
  if (!details.note.empty() && details.stage.state == "waiting") std::cout << details.note << "\n";
  if (details.wall_s) std::cout << "took " << duration_text(*details.wall_s) << "\n";
  if (details.accuracy) std::cout << fmt::format("test accuracy {:.2f} %\n", 100 * *details.accuracy);
  if (details.collapsed)
    std::cout << "collapsed: its masks leave no path from input to output, so there was nothing to train\n";
  if (details.connected) {
    std::cout << fmt::format("{} of the kept weights lie on a path from input to output, {} units are dead\n",
                             details.effective_kept.value_or(0), details.dead_units.value_or(0));
  }
  for (const std::string& warning : details.warnings) std::cout << "warning: " << warning << "\n";
  std::cout << fmt::format("{} trials depend on it\n", details.trials);
  for (const StageInputRow& input : details.inputs) {
    std::cout << fmt::format("input {:<12} {} [{}] {}\n", input.role, input.stage.label, input.stage.key.substr(0, 12),
                             input.stage.state);
  }
  for (const AttemptRow& attempt : details.attempts) {
    std::cout << fmt::format(
        "attempt {} at {} on rank {} of {}{}: {}{}\n", attempt.number, time_text(attempt.started_at), attempt.rank,
        attempt.pool, attempt.host.empty() ? "" : " (" + attempt.host + ")",
        attempt.ended_at ? attempt.how + (attempt.cause.empty() ? "" : " (" + attempt.cause + ")") : "running",
        attempt.why.empty() ? "" : ": " + attempt.why);
  }
  for (const StageFailureRow& failure : details.failures) std::cout << failure_text(failure) << "\n";
  std::cout << "spec " << details.spec << "\n";
}

}  // namespace

void add_explain_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("explain", "Why a stage waits, why it ran again, what it left");
  auto json = std::make_shared<bool>(false);
  auto name = std::make_shared<std::string>();
  command->add_option("STAGE", *name, "The first digits of its key, or its label (status and plan --dot show them)")
      ->required();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON");
  command->callback([json, name, &line] { explain(line.store, *name, *json); });
}

}  // namespace espalier
