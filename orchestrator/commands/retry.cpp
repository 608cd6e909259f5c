#include <algorithm>
#include <cctype>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/suggest.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/run_and_report.h"
#include "orchestrator/coordinator/lone_coordinator.h"
#include "orchestrator/sweeps/retry_failures.h"

namespace espalier {
namespace {

struct RetryOptions {
  RunOptions run;
  std::vector<std::string> causes, stages;
  std::string signature;
};

LossCause checked_cause(const std::string& name) {
  std::vector<std::string> names;
  for (const LossCause cause : list_loss_causes()) {
    if (to_string(cause) == name) return cause;
    names.emplace_back(to_string(cause));
  }
  throw Error(ErrorKind::invalid_input, "--cause: " + unknown_name(name, names));
}

std::string checked_digits(std::string digits) {
  const bool good = !digits.empty() && digits.size() <= 64 &&
                    std::ranges::all_of(digits, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!good) {
    throw Error(ErrorKind::invalid_input, "--stage: expected the first hexadecimal digits of a stage's key, found \"" +
                                              digits.substr(0, 80) + "\"; espalier failures shows them");
  }
  std::ranges::transform(digits, digits.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return digits;
}

RetryRequest make_request(const RetryOptions& options) {
  RetryRequest request;
  for (const std::string& cause : options.causes) request.causes.push_back(checked_cause(cause));
  for (const std::string& digits : options.stages) request.stages.push_back(checked_digits(digits));
  request.signature = options.signature;
  return request;
}

ExitCode retry(RetryOptions& options, const std::string& store) {
  const RetryRequest request = make_request(options);
  LoadedSweep sweep = load_sweep_to_run(options.run, store);
  std::int64_t forgotten = 0;
  refuse_second_coordinator({store});
  {
    Store writer(store,
                 {.allow_network_filesystem = options.run.settings.allow_network_filesystem, .must_exist = true});
    const SweepId id = writer.record_sweep(sweep.name, sweep.yaml, sweep.trials, sweep.graph, sweep.overrides);
    forgotten = retry_failures(writer, id, sweep.name, request);
  }
  if (forgotten == 0) {
    std::cout << fmt::format(
        "nothing to try again: no failed stage of {} fits, so nothing is run (espalier failures {} --store {} "
        "lists them)\n",
        sweep.name, sweep.name, store);
    return kExitDone;
  }
  std::cout << fmt::format("{} failed stage{} of {} will be tried again\n", forgotten, forgotten == 1 ? "" : "s",
                           sweep.name);
  return run_and_report(std::move(sweep), options.run);
}

}  // namespace

void add_retry_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("retry", "As run, but first forgets failures of the sweep, or those that fit");
  auto options = std::make_shared<RetryOptions>();
  add_run_options(*command, options->run, line);
  command->add_option("--cause", options->causes, "Only failures with this cause: signal, oom_gpu, ... (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--stage", options->stages, "Only of stages whose key begins with these digits (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--signature", options->signature,
                      "Only failures whose signature holds this text (espalier failures shows signatures)");
  command->callback([options, &line] { line.exit_code = retry(*options, line.store); });
}

}  // namespace espalier
