// espalier: the light executable. It links neither LibTorch nor MPI, so it starts in milliseconds and runs on a login
// node.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/broken_pipe.h"
#include "base/error.h"
#include "base/standard_files.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

constexpr const char* kFooter =
    "\nespalier COMMAND --help lists the options of a command.\n"
    "\nFirst steps:\n"
    "  espalier run experiments/sweeps/quickstart.yaml    run a sweep, print what beats random pruning\n"
    "  espalier plan SWEEP.yaml                           what it would do, before it does it\n"
    "  espalier compare                                   the comparison again, from the store\n"
    "  sqlite3 espalier-store/espalier.db 'select * from versus_random'\n"
    "\nExit codes: 0 done, 1 some trials failed, 2 wrong input, 3 something needed is not available, 4 no disk space,\n"
    "5 damaged data, 70 a bug, 130 interrupted (the same command goes on where it was).\n";

/// A file system error that no caller translated: caused by an input, or by the disk.
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

/// The command line is read by a library that says of an unknown command only that one is required.
void refuse_unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* asked = &app;
  for (const std::string& word : arguments) {
    const std::vector<const CLI::App*> commands = asked->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty() || word.starts_with('-')) return;
    const auto found = std::ranges::find(commands, word, &CLI::App::get_name);
    if (found != commands.end()) {
      asked = *found;
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    throw Error(ErrorKind::invalid_input,
                (asked == &app ? "command: " : asked->get_name() + ": ") + unknown_name(word, names));
  }
}

/// The option that an unknown one of the command that was asked for may have meant; "" if none is near.
std::string meant_option(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* asked = &app;
  while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
  std::vector<std::string> names;
  for (const CLI::Option* option : asked->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const std::string& word : arguments) {
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::ranges::find(names, name) != names.end()) continue;
    if (const std::string near = nearest_choice(name, names); !near.empty()) return near;
  }
  return "";
}

/// Commands that `espalier --help` lists under one heading.
struct CommandGroup {
  const char* heading;
  std::vector<void (*)(CLI::App&, CommandLine&)> add;
};

std::vector<CommandGroup> command_groups() {
  return {{"Write a sweep",
           {add_check_command, add_plan_command, add_simulate_command, add_methods_command, add_models_command,
            add_datasets_command}},
          {"Run it here", {add_run_command, add_retry_command, add_chaos_command}},
          {"Run it on a coordinator that stays",
           {add_serve_command, add_submit_command, add_ps_command, add_logs_command, add_steering_commands,
            add_pool_command, add_token_command}},
          {"Read the results",
           {add_status_command, add_compare_command, add_results_command, add_failures_command, add_explain_command,
            add_plot_command, add_layers_command, add_overlap_command, add_sensitivity_command, add_export_command}},
          {"Look after the store", {add_db_command, add_gc_command}}};
}

int run_command(int argc, char** argv) {
  CLI::App app{"Espalier runs pruning experiments and says, with statistics, what beats random pruning."};
  app.set_version_flag("--version", ESPALIER_VERSION);
  app.require_subcommand(1);
  CommandLine line;
  line.program = argv[0];
  line.arguments.assign(argv + 1, argv + argc);
  for (const CommandGroup& group : command_groups()) {
    for (const auto add : group.add) add(app, line);
    // Those that were just added: no other command has the library's own heading.
    for (CLI::App* command : app.get_subcommands([](CLI::App* one) { return one->get_group() == "Subcommands"; }))
      command->group(group.heading);
  }
  app.footer(kFooter);  // after them, which would inherit it
  try {
    refuse_unknown_command(app, line.arguments);
    app.parse(argc, argv);
    return line.exit_code;
  } catch (const CLI::ExtrasError& error) {
    app.exit(error);
    const std::string meant = meant_option(app, line.arguments);
    if (!meant.empty()) std::cerr << "Did you mean " << meant << "?" << std::endl;
    return kExitInvalidInput;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitInvalidInput;
  } catch (const Error& error) {
    std::cerr << "espalier: " << printable_lines(error.what()) << std::endl;
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
