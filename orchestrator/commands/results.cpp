#include <iostream>

#include <CLI/CLI.hpp>

#include "analysis/comparison/results_report.h"
#include "base/error.h"
#include "base/number_option.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/format_option.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {
namespace {

void print_results(const ResultFilter& filter, OutputFormat format, const std::string& store) {
  const StoreReader reader(store);
  const std::vector<ResultRow> rows = reader.results(filter);
  const bool asks_for_some = filter != ResultFilter{};
  if (rows.empty() && asks_for_some && reader.results(filter, Which::all).empty())
    throw Error(ErrorKind::invalid_input, "no trial is all that was asked for at once; leave an option out");
  std::cout << render_results(rows, format);
}

}  // namespace

void add_results_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("results", "One row per trial that is done");
  auto filter = std::make_shared<ResultFilter>();
  add_sweep_name(*command, filter->sweep, "default: all of them");
  command->add_option("--dataset", filter->dataset, "Only this dataset");
  command->add_option("--model", filter->model, "Only this model");
  command->add_option("--method", filter->method, "Only this method (dense for the dense networks)");
  command->add_option("--schedule", filter->schedule, "Only this schedule");
  command->add_option("--control", filter->control,
                      "none, random, shuffle, reinit, erk_random, shuffle_network, shuffle_sized or small_dense");
  command->add_option("--sparsity", filter->sparsity_target, "Only this sparsity, the fraction removed")
      ->check(number_option(0, 1));
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  const auto format = add_format_option(*command);
  command->callback([filter, format, &line] { print_results(*filter, *format, line.store); });
}

}  // namespace espalier
