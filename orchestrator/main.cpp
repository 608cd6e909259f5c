// espalier: the light executable. It links neither LibTorch nor MPI, so it starts in milliseconds and runs on a login
// node.
#include <exception>
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>

#include "base/broken_pipe.h"
#include "base/error.h"
#include "base/standard_files.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

constexpr const char* kFooter =
    "\nFirst steps:\n"
    "  espalier run experiments/sweeps/quickstart.yaml    run a sweep, print what beats random pruning\n"
    "  espalier plan SWEEP.yaml                           what it would do, before it does it\n"
    "  espalier compare                                   the comparison again, from the store\n"
    "  sqlite3 espalier-store/espalier.db 'select * from versus_random'\n"
    "\nExit codes: 0 done, 1 some trials failed, 2 wrong input, 3 something needed is not available, 4 no disk space,\n"
    "5 damaged data, 70 a bug, 130 interrupted (the same command goes on where it was).\n";

/// What the system refuses where nobody said better what it means: an input, or the disk.
ExitCode report(const std::filesystem::filesystem_error& error) {
  std::error_code gone;
  const bool has_folder = !std::filesystem::current_path(gone).empty();
  const std::filesystem::path& path = error.path1();
  std::cerr << "espalier: "
            << (!path.empty() ? path.string()
                : has_folder  ? "a path is empty"
                              : "the current folder")
            << ": " << error.code().message()
            << (has_folder || path.is_absolute() ? "" : "; the folder that this was started in is gone") << std::endl;
  return error.code() == std::errc::no_space_on_device ? kExitExhausted : kExitInvalidInput;
}

/// What was printed and is not there was not done.
int check_printed(int code) {
  return code <= kExitTrialsFailed && output_was_lost("espalier") ? kExitExhausted : code;
}

int run_command(int argc, char** argv) {
  CLI::App app{"Espalier runs pruning experiments and says, with statistics, what beats random pruning."};
  app.set_version_flag("--version", ESPALIER_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  CommandLine line;
  line.arguments.assign(argv + 1, argv + argc);
  for (const auto add :
       {add_run_command,      add_plan_command,        add_simulate_command, add_check_command,   add_status_command,
        add_failures_command, add_retry_command,       add_results_command,  add_compare_command, add_overlap_command,
        add_layers_command,   add_sensitivity_command, add_explain_command,  add_export_command,  add_steering_commands,
        add_chaos_command,    add_serve_command,       add_submit_command,   add_ps_command,      add_logs_command,
        add_db_command,       add_gc_command,          add_token_command,    add_pool_command,    add_methods_command,
        add_models_command,   add_datasets_command}) {
    add(app, line);
  }
  try {
    app.parse(argc, argv);
    return line.exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitInvalidInput;
  } catch (const Error& error) {
    std::cerr << "espalier: " << error.what() << std::endl;
    return exit_code_of(error.kind());
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error);
  } catch (const std::exception& error) {
    std::cerr << "espalier: internal error: " << error.what() << "; please report it" << std::endl;
    return kExitInternal;
  }
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  espalier::open_closed_standard_files();
  espalier::survive_broken_pipes();
  return espalier::check_printed(espalier::run_command(argc, argv));
}
