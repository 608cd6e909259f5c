#pragma once

#include <functional>

#include "cluster/connection/coordinator_address.h"

namespace CLI {
class App;
}

namespace espalier {

struct CommandLine;

/// Which coordinator a command speaks to: `--store DIR`, or `--connect HOST:PORT --token-file FILE` from where the
/// store is not seen. To be called when the command runs. Errors: those of parse_host_and_port.
std::function<CoordinatorSource()> add_coordinator_options(CLI::App& command, CommandLine& line);

}  // namespace espalier
