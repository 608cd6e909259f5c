#include "orchestrator/commands/options/option_group.h"

#include <CLI/CLI.hpp>

namespace espalier {

void group_options(CLI::App& command, const char* heading, std::initializer_list<const char*> options) {
  for (const char* option : options) command.get_option(option)->group(heading);
}

}  // namespace espalier
