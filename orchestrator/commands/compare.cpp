#include <iostream>

#include <CLI/CLI.hpp>

#include "analysis/comparison/against.h"
#include "analysis/latency/latency_report.h"
#include "base/error.h"
#include "base/word_option.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/comparison_output.h"
#include "orchestrator/commands/options/format_option.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {

void add_compare_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("compare", "What beats random pruning, by how much, and how surely");
  auto sweep = std::make_shared<std::string>();
  add_sweep_name(*command, *sweep, "default: all of them");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  auto by = std::make_shared<std::string>("accuracy");
  command->add_option("--by", *by, "accuracy, or latency where the sweep measured it")
      ->check(word_option({"accuracy", "latency"}))
      ->capture_default_str();
  auto against = std::make_shared<std::string>();
  command->add_option("--against", *against, "Set all others against this method or control, as the table calls it");
  const auto format = add_format_option(*command);
  command->callback([sweep, by, against, format, &line] {
    if (!against->empty()) {
      if (*by != "accuracy") throw Error(ErrorKind::invalid_input, "--against compares accuracies; leave --by out");
      ResultFilter filter;
      filter.sweep = *sweep;
      const std::vector<ResultRow> rows = StoreReader(line.store).results(filter, Which::all);
      const Comparison comparison = compare_results(rows);
      std::cout << render_duels(duels_against(comparison, *against), *against, *format);
      return;
    }
    if (*by == "accuracy") return print_comparison(std::cout, line.store, *sweep, *format);
    std::cout << render_latencies(StoreReader(line.store).latencies(*sweep), *format);
  });
}

}  // namespace espalier
