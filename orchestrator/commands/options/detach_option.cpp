#include "orchestrator/commands/options/detach_option.h"

#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cluster/auth/authentication.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/connection_hint.h"
#include "orchestrator/commands/detach.h"

namespace espalier {

void add_detach_option(CLI::App& command, bool& detached) {
  command.add_flag("--detach", detached, "Go on in the background; no terminal ends it");
}

ExitCode run_detached(const CommandLine& line, const std::string& log) {
  const StorePaths store{std::filesystem::absolute(line.store)};
  const std::filesystem::path file = store.logs() / log;
  const pid_t pid = start_detached(without_detach(line.arguments), store, file);
  if (pid == 0) {
    std::cout << "it has ended already; what it said is in " << file.string() << "\n";
    return kExitDone;
  }
  const ConnectionFile where = read_connection_file(store.connection());
  std::cout << fmt::format("started in the background, pid {}; what it says is in {}\n", pid, file.string())
            << connection_hint(where.host, where.port, pid, store.root.string())
            << fmt::format("how it goes: espalier status --watch --store {0}\nto end it: espalier stop --store {0}\n",
                           store.root.string());
  return kExitDone;
}

}  // namespace espalier
