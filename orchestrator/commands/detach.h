#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/paths/store_paths.h"

namespace espalier {

/// Without `--detach` in any of its forms (--detach=true): what starts the same command in the foreground.
std::vector<std::string> without_detach(std::vector<std::string> arguments);

/// Runs this program again with other arguments, in a session of its own that no terminal ends, and waits until it is
/// the store's coordinator. Returns its pid; what it prints goes to `log`. 0: it has ended already, and well.
/// Errors: ErrorKind::unavailable with its last output if it ended otherwise.
pid_t start_detached(const std::vector<std::string>& arguments, const StorePaths& store,
                     const std::filesystem::path& log);

}  // namespace espalier
