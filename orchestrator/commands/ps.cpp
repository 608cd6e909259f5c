#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/duration_text.h"
#include "orchestrator/client/client.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/coordinator_option.h"

namespace espalier {
namespace {

using nlohmann::json;

struct PsOptions {
  bool pools = false;
  bool json = false;
};

void print_jobs(const json& jobs) {
  if (jobs.empty()) std::cout << "no job is out\n";
  for (const json& job : jobs) {
    const std::string where = fmt::format("{}.{}", job.at("pool").get<std::string>(), job.at("rank").get<int>());
    const std::string state =
        job.at("state") == "waiting" ? "waits" : fmt::format("{:.0f} %", 100 * job.at("fraction").get<double>());
    std::cout << fmt::format("{:<18} {:<20} {:>6} {:>9}  {}  {}\n", job.at("job").dump(), where, state,
                             duration_text(utc_seconds() - job.at("since").get<double>()),
                             job.at("sweep").get<std::string>(), job.at("stage").get<std::string>());
  }
}

void print_pools(const json& pools) {
  if (pools.empty()) std::cout << "no pool is here\n";
  for (const json& pool : pools) {
    const auto texts = [&](const char* key) { return pool.at(key).get<std::vector<std::string>>(); };
    std::cout << fmt::format(
        "{:<20} {:<8} {}/{} ranks busy, {} cores, {} GPUs, on {}{}{}\n", pool.at("pool").get<std::string>(),
        pool.at("state").get<std::string>(), pool.at("busy").dump(), pool.at("ranks").dump(), pool.at("cores").dump(),
        pool.at("gpus").dump(), fmt::join(texts("hosts"), " "),
        pool.at("labels").empty() ? "" : fmt::format(", labels {}", fmt::join(texts("labels"), " ")),
        pool.at("seconds_left").is_null() ? "" : ", " + duration_text(pool.at("seconds_left").get<double>()) + " left");
  }
}

void print_ps(const PsOptions& options, const CoordinatorSource& coordinator) {
  const std::string answer = ask_coordinator(coordinator, options.pools ? "pools" : "jobs");
  if (options.json) {
    std::cout << answer << "\n";
  } else if (options.pools) {
    print_pools(json::parse(answer).at("pools"));
  } else {
    print_jobs(json::parse(answer).at("jobs"));
  }
}

}  // namespace

void add_ps_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("ps", "What runs at this moment, where, and how far it is");
  auto options = std::make_shared<PsOptions>();
  const auto coordinator = add_coordinator_options(*command, line);
  command->add_flag("--pools", options->pools, "The pools instead: what they have, and how long they stay");
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, coordinator] { print_ps(*options, coordinator()); });
}

}  // namespace espalier
