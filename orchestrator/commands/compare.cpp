#include <iostream>

#include <CLI/CLI.hpp>

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
  const auto format = add_format_option(*command);
  command->callback([sweep, format, &line] { print_comparison(std::cout, line.store, *sweep, *format); });
}

}  // namespace espalier
