#include "orchestrator/scheduler/plan.h"

#include <algorithm>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/duration_text.h"
#include "base/grouped_digits.h"
#include "base/number_option.h"
#include "db/read/store_reader.h"
#include "experiments/formats/json_text.h"
#include "experiments/graph/stage_graph_dot.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_options.h"
#include "orchestrator/simulation/stage_durations.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

struct Estimate {
  double work_s = 0;      ///< of one rank
  double on_ranks_s = 0;  ///< of `ranks` of them
  std::int64_t done = 0;  ///< stages that are done, or not needed any more
  int ranks = 1;
  bool measured = false;
  std::vector<std::string> unknown_models;  ///< not measured, so by the times of others

  std::string source() const {
    if (!measured) return "a guess until something was measured here";
    if (unknown_models.empty()) return "from times measured in this store";
    return fmt::format("from times measured in this store, but {} by those of other models",
                       fmt::join(unknown_models, ", "));
  }
};

/// `graph` loses its costs: they become seconds.
Estimate estimate(StageGraph& graph, const std::vector<bool>& done, const MeasuredCost& measured, int ranks) {
  Estimate result;
  result.ranks = ranks;
  result.measured = measured.overall.has_value();
  result.unknown_models = models_not_measured(graph, measured);
  cost_in_seconds(graph, measured);
  const Plan plan(graph, done);
  result.done = static_cast<std::int64_t>(graph.stages.size()) - plan.open_count();
  result.work_s = plan.remaining_cost();
  result.on_ranks_s = std::max(result.work_s / ranks, plan.critical_path_cost());
  return result;
}

void print_plan(const LoadedSweep& sweep, const Estimate& estimate) {
  const SharingReport& sharing = sweep.graph.sharing;
  const double saved = sharing.steps_before > 0
                           ? 100.0 * static_cast<double>(sharing.steps_before - sharing.steps_after) /
                                 static_cast<double>(sharing.steps_before)
                           : 0;
  std::cout << fmt::format("sweep    {}\n", sweep.name);
  std::cout << fmt::format("trials   {}\n", grouped(static_cast<std::int64_t>(sweep.trials.size())));
  std::cout << fmt::format("stages   {} before sharing, {} after, {} of them done already\n",
                           grouped(sharing.stages_before), grouped(sharing.stages_after), grouped(estimate.done));
  std::cout << fmt::format("steps    {} optimizer steps before sharing, {} after: {} saved ({:.1f} %)\n",
                           grouped(sharing.steps_before), grouped(sharing.steps_after),
                           grouped(sharing.steps_before - sharing.steps_after), saved);
  std::cout << fmt::format("time     about {} on {} ranks ({} of work; {})\n", duration_text(estimate.on_ranks_s),
                           estimate.ranks, duration_text(estimate.work_s), estimate.source());
}

void print_plan_json(const LoadedSweep& sweep, const Estimate& estimate) {
  const SharingReport& sharing = sweep.graph.sharing;
  std::cout << json_text(nlohmann::json{{"sweep", sweep.name},
                                        {"trials", sweep.trials.size()},
                                        {"stages_before", sharing.stages_before},
                                        {"stages_after", sharing.stages_after},
                                        {"stages_done", estimate.done},
                                        {"steps_before", sharing.steps_before},
                                        {"steps_after", sharing.steps_after},
                                        {"steps_saved", sharing.steps_before - sharing.steps_after},
                                        {"ranks", estimate.ranks},
                                        {"estimated_work_s", estimate.work_s},
                                        {"estimated_s", estimate.on_ranks_s},
                                        {"estimate_is_measured", estimate.measured},
                                        {"models_not_measured", estimate.unknown_models}})
            << "\n";
}

struct PlanOptions {
  SweepOptions sweep;
  int workers = 0;
  bool json = false;
  bool dot = false;
};

void plan(const PlanOptions& options, const std::string& store) {
  StoreConfig config;
  config.store = store;
  LoadedSweep sweep = load_sweep(options.sweep.file, options.sweep.overrides, data_folder(options.sweep.data), config);
  for (const Diagnostic& warning : sweep.warnings) std::cerr << to_string(warning) << "\n";
  std::vector<bool> done(sweep.graph.stages.size(), false);
  MeasuredCost measured;
  if (std::filesystem::exists(StorePaths{store}.database())) {
    const StoreReader reader(store);
    done = reader.done_stages(sweep.graph);
    measured = reader.measured_cost();
  }
  if (options.dot) {
    std::cout << stage_graph_as_dot(sweep.graph, done);
    return;
  }
  const int ranks =
      options.workers > 0 ? options.workers : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const Estimate time = estimate(sweep.graph, done, measured, ranks);
  options.json ? print_plan_json(sweep, time) : print_plan(sweep, time);
}

}  // namespace

void add_plan_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("plan", "What a sweep would run: trials, stages, what sharing saves, time");
  auto options = std::make_shared<PlanOptions>();
  add_sweep_options(*command, options->sweep);
  command->add_option("--store", line.store, "Folder of the results, for what is done and for measured times")
      ->capture_default_str();
  command->add_option("--workers", options->workers, "Ranks to estimate for (default: the cores of this machine)")
      ->check(whole_number_option(1, 100000));
  command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--dot", options->dot,
                    "The graph of stages for Graphviz: espalier plan SWEEP.yaml --dot | dot -Tsvg > plan.svg");
  command->callback([options, &line] { plan(*options, line.store); });
}

}  // namespace espalier
