#pragma once

#include <memory>
#include <string>
#include <vector>

#include "orchestrator/commands/exit_codes.h"

namespace CLI {
class App;
}

namespace espalier {

/// What every command shares: where the store is, and the answer to the shell.
struct CommandLine {
  std::string program = "espalier";    ///< how it was called
  std::vector<std::string> arguments;  ///< as they were given, the program's name not among them
  std::string store = "espalier-store";
  ExitCode exit_code = kExitDone;
};

// One file each. They declare their options on a subcommand and do their work when it was chosen; what goes wrong is an
// espalier::Error, which main turns into a line on stderr and an exit code.
void add_run_command(CLI::App& app, CommandLine& line);
void add_plan_command(CLI::App& app, CommandLine& line);
void add_check_command(CLI::App& app, CommandLine& line);
void add_serve_command(CLI::App& app, CommandLine& line);
void add_submit_command(CLI::App& app, CommandLine& line);
void add_ps_command(CLI::App& app, CommandLine& line);
void add_logs_command(CLI::App& app, CommandLine& line);
void add_status_command(CLI::App& app, CommandLine& line);
void add_failures_command(CLI::App& app, CommandLine& line);
void add_retry_command(CLI::App& app, CommandLine& line);
void add_results_command(CLI::App& app, CommandLine& line);
void add_compare_command(CLI::App& app, CommandLine& line);
void add_plot_command(CLI::App& app, CommandLine& line);
void add_overlap_command(CLI::App& app, CommandLine& line);
void add_layers_command(CLI::App& app, CommandLine& line);
void add_sensitivity_command(CLI::App& app, CommandLine& line);
void add_explain_command(CLI::App& app, CommandLine& line);
void add_export_command(CLI::App& app, CommandLine& line);
void add_chaos_command(CLI::App& app, CommandLine& line);
void add_simulate_command(CLI::App& app, CommandLine& line);
void add_steering_commands(CLI::App& app, CommandLine& line);
void add_pool_command(CLI::App& app, CommandLine& line);
void add_db_command(CLI::App& app, CommandLine& line);
void add_gc_command(CLI::App& app, CommandLine& line);
void add_token_command(CLI::App& app, CommandLine& line);
void add_methods_command(CLI::App& app, CommandLine& line);
void add_models_command(CLI::App& app, CommandLine& line);
void add_datasets_command(CLI::App& app, CommandLine& line);
/// `data`: what --data says, of both.
void add_datasets_fetch_command(CLI::App& datasets, const std::shared_ptr<std::string>& data, CommandLine& line);

}  // namespace espalier
