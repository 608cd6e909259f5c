#include <filesystem>
#include <iostream>
#include <optional>
#include <sys/resource.h>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration_text.h"
#include "base/error.h"
#include "base/grouped_digits.h"
#include "base/number_option.h"
#include "db/read/store_reader.h"
#include "experiments/formats/json_text.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/simulation/simulation.h"
#include "orchestrator/simulation/stage_durations.h"
#include "orchestrator/sweeps/load_store_config.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

struct SimulateOptions {
  SweepOptions sweep;
  SimulationSettings settings;
  std::string durations = "measured";
  bool json = false;
};

struct Simulated {
  std::string sweep;
  std::int64_t trials = 0;
  DurationModel model;
  bool is_guess = false;  ///< nothing was measured
  SimulationReport run;
  std::optional<SimulationReport> undisturbed;  ///< the same without losses, if there were any

  /// None if a part was given up: what was not done took no time.
  std::optional<double> throughput_lost() const {
    if (!run.complete()) return std::nullopt;
    return undisturbed ? 1 - undisturbed->makespan_s / run.makespan_s : 0;
  }
};

double peak_memory_gb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
}

void find_rate(Simulated& simulated, const std::string& store) {
  std::optional<double>& rate = simulated.model.seconds_per_cost;
  if (rate) return;
  if (std::filesystem::exists(StorePaths{store}.database())) {
    const MeasuredCost measured = StoreReader(store).measured_cost();
    rate = measured.overall;
    simulated.model.by_model = measured.by_model;
  }
  simulated.is_guess = !rate;
  if (!rate) rate = kAssumedSecondsPerCost;
}

/// Each rank takes some kilobytes.
void refuse_too_many_ranks(const SimulationSettings& settings) {
  constexpr std::int64_t kMostRanks = 10'000'000;
  const std::int64_t ranks = std::int64_t{settings.pools} * settings.ranks;
  if (ranks <= kMostRanks) return;
  throw Error(ErrorKind::invalid_input,
              fmt::format("--pools {} of --ranks {} are {} ranks; at most {} are simulated", settings.pools,
                          settings.ranks, grouped(ranks), grouped(kMostRanks)));
}

Simulated simulate_sweep(const SimulateOptions& options, const std::string& store) {
  refuse_too_many_ranks(options.settings);
  Simulated simulated;
  simulated.model = parse_duration_model(options.durations);
  find_rate(simulated, store);
  StoreConfig config = load_store_config(StorePaths{store});
  config.takes_copies = false;
  LoadedSweep sweep = load_sweep(options.sweep.file, options.sweep.overrides, data_folder(options.sweep.data), config);
  simulated.sweep = sweep.name;
  simulated.trials = static_cast<std::int64_t>(sweep.trials.size());
  sweep.trials = {};
  const std::vector<double> seconds = draw_stage_durations(sweep.graph, simulated.model, options.settings.seed);
  if (options.settings.losses_per_hour > 0) {
    SimulationSettings calm = options.settings;
    calm.losses_per_hour = 0;
    simulated.undisturbed = simulate(sweep.graph, seconds, calm);
  }
  simulated.run = simulate(std::move(sweep.graph), seconds, options.settings, sweep.on_failure);
  return simulated;
}

void print_simulated_text(const Simulated& simulated, const SimulationSettings& settings) {
  const SimulationReport& run = simulated.run;
  const SimulationReport::Load& load = run.load;
  const auto line = [](const char* name, const std::string& text) {
    std::cout << fmt::format("{:<12} {}\n", name, text);
  };
  line("sweep", fmt::format("{}: {} trials, {} stages in {} jobs", simulated.sweep, grouped(simulated.trials),
                            grouped(run.stages), grouped(run.jobs)));
  line("pools", fmt::format("{} of {} ranks: {} ranks", settings.pools, settings.ranks, grouped(run.ranks)));
  line("durations",
       fmt::format(
           "{:.3g} s per multiply-add{}{}{}", *simulated.model.seconds_per_cost,
           simulated.model.by_model.empty() ? "" : ", and as measured of each model",
           simulated.model.sigma > 0 ? fmt::format(" times a lognormal factor of sigma {}", simulated.model.sigma) : "",
           simulated.is_guess ? " (a guess until something was measured in the store)" : ""));
  line("makespan",
       duration_text(run.makespan_s) + (run.complete() ? fmt::format(", {:.3f} times the lower bound", run.ratio())
                                                       : ", of what was done before the rest was given up"));
  line("bound", fmt::format("{}: the larger of critical path ({}) and work per rank ({})",
                            duration_text(run.lower_bound_s()), duration_text(run.bounds.critical_path_s),
                            duration_text(run.bounds.work_s / static_cast<double>(run.ranks))));
  line("utilisation", fmt::format("{:.1f} %", 100 * run.utilisation()));
  if (simulated.undisturbed) {
    const std::optional<double> lost = simulated.throughput_lost();
    line("losses", fmt::format("{} pools; {:.2f} % of what was computed died with them; {}{} without losses",
                               grouped(run.losses), 100 * run.wasted_s / run.computed_s,
                               lost ? fmt::format("{:.2f} % of the throughput lost, ", 100 * *lost) : "",
                               duration_text(simulated.undisturbed->makespan_s)));
  }
  if (run.stages_failed > 0)
    line("failed",
         fmt::format("stages given up for losing too many pools (on_failure.crashes): {}{}", grouped(run.stages_failed),
                     run.stopped ? "; that stopped the sweep (max_failures)" : ""));
  const auto events = static_cast<double>(run.events);
  line("coordinator",
       fmt::format("{} events in {}: {:.1f} us each in the core ({} a second), {:.2f} ms for a second of the run",
                   grouped(run.events), duration_text(load.wall_s), 1e6 * load.core_s / events,
                   grouped(static_cast<std::int64_t>(events / load.core_s)), 1e3 * load.core_s / run.makespan_s));
  line("", fmt::format("{} to begin, {:.1f} ms for a look at the progress, {:.2f} GB at most",
                       duration_text(load.prepare_s), 1e3 * load.status_s, peak_memory_gb()));
}

nlohmann::ordered_json to_json(const SimulationReport& run) {
  return {{"makespan_s", run.makespan_s},
          {"lower_bound_s", run.lower_bound_s()},
          {"critical_path_s", run.bounds.critical_path_s},
          {"work_s", run.bounds.work_s},
          {"ratio", run.complete() ? nlohmann::ordered_json(run.ratio()) : nlohmann::ordered_json()},
          {"utilisation", run.utilisation()},
          {"computed_s", run.computed_s},
          {"wasted_s", run.wasted_s},
          {"stages", run.stages},
          {"stages_failed", run.stages_failed},
          {"stopped", run.stopped},
          {"jobs", run.jobs},
          {"pools_lost", run.losses},
          {"events", run.events},
          {"wall_s", run.load.wall_s},
          {"core_s", run.load.core_s},
          {"prepare_s", run.load.prepare_s},
          {"status_s", run.load.status_s}};
}

void print_simulated_json(const Simulated& simulated, const SimulationSettings& settings) {
  const std::optional<double> lost = simulated.throughput_lost();
  nlohmann::ordered_json json{{"sweep", simulated.sweep},
                              {"trials", simulated.trials},
                              {"pools", settings.pools},
                              {"ranks", simulated.run.ranks},
                              {"seconds_per_cost", *simulated.model.seconds_per_cost},
                              {"seconds_per_cost_is_a_guess", simulated.is_guess},
                              {"run", to_json(simulated.run)},
                              {"throughput_lost", lost ? nlohmann::ordered_json(*lost) : nlohmann::ordered_json()},
                              {"peak_memory_gb", peak_memory_gb()}};
  if (simulated.undisturbed) json["without_losses"] = to_json(*simulated.undisturbed);
  std::cout << json_text(json) << "\n";
}

}  // namespace

void add_simulate_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand(
      "simulate", "How a sweep would run on many pools: the real scheduling, in virtual time, with nothing computed");
  auto options = std::make_shared<SimulateOptions>();
  SimulationSettings& settings = options->settings;
  add_sweep_options(*command, options->sweep);
  command->add_option("--pools", settings.pools, "Number of pools")
      ->check(whole_number_option(1, 100000))
      ->capture_default_str();
  command->add_option("--ranks", settings.ranks, "Ranks of each pool")
      ->check(whole_number_option(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--durations", options->durations,
                   "How long a stage of predicted cost C (multiply-adds) takes: measured (C times the seconds per cost "
                   "measured in --store), SECONDS_PER_COST (C times that), lognormal:SIGMA (measured, times a random "
                   "factor of median 1 whose logarithm has that deviation), lognormal:SIGMA:SECONDS_PER_COST")
      ->capture_default_str();
  command->add_option("--store", line.store, "Folder of the results, for measured times")->capture_default_str();
  command
      ->add_option("--losses", settings.losses_per_hour,
                   "Fraction of the pools that dies in an hour, at random times: 0.01 is 1 % an hour")
      ->check(number_option(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--rejoin", settings.rejoin_s, "Seconds until another pool takes a dead one's place")
      ->check(number_option(0.0, 1e6))
      ->capture_default_str();
  command->add_option("--silence", settings.silence_s, "Seconds until the coordinator considers a dead pool lost")
      ->check(number_option(0.0, 1e6))
      ->capture_default_str();
  command
      ->add_option("--checkpoint-every", settings.checkpoint_every_s,
                   "Seconds between checkpoints of a training: what it did since is lost with its pool")
      ->check(number_option(1e-3, 1e6))
      ->capture_default_str();
  command->add_option("--latency", settings.latency_s, "Seconds that a message between coordinator and rank takes")
      ->check(number_option(0.0, 1e3))
      ->capture_default_str();
  command->add_option("--seed", settings.seed, "Seed of the random factors and of the losses")
      ->check(whole_number_option(0, INT64_MAX))
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, &line] {
    const Simulated simulated = simulate_sweep(*options, line.store);
    options->json ? print_simulated_json(simulated, options->settings)
                  : print_simulated_text(simulated, options->settings);
  });
}

}  // namespace espalier
