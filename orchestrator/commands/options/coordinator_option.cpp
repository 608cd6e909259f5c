#include "orchestrator/commands/options/coordinator_option.h"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "orchestrator/commands/commands.h"

namespace espalier {

std::function<CoordinatorSource()> add_coordinator_options(CLI::App& command, CommandLine& line) {
  struct Remote {
    std::string at, token_file;
  };
  const auto remote = std::make_shared<Remote>();
  command.add_option("--store", line.store, "Folder of the results")->capture_default_str();
  CLI::Option* connect =
      command.add_option("--connect", remote->at, "Ask the coordinator at HOST:PORT instead of the store's");
  CLI::Option* token = command.add_option("--token-file", remote->token_file,
                                          "The token for it: espalier token write FILE --role client|read");
  connect->needs(token)->excludes("--store");
  token->needs(connect);
  return [remote, &line] {
    return remote->at.empty() ? CoordinatorSource::in_store(line.store)
                              : CoordinatorSource::with_token(parse_host_and_port(remote->at), remote->token_file);
  };
}

}  // namespace espalier
