#include <iostream>

#include <CLI/CLI.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/comparison_output.h"
#include "orchestrator/commands/options/format_option.h"

namespace espalier {

void add_compare_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("compare", "What beats random pruning, by how much, and how surely");
  auto sweep = std::make_shared<std::string>();
  command->add_option("--sweep", *sweep, "Only this sweep (default: every sweep of the store)");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  const auto format = add_format_option(*command);
  command->callback([sweep, format, &line] { print_comparison(std::cout, line.store, *sweep, *format); });
}

}  // namespace espalier
