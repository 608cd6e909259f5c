#pragma once

#include <string>

namespace espalier {

/// Lines for a person whose sweep has just ended: commands that show more of it. `program`: how espalier was called, a
/// name or a path. `pruned`: the sweep has trials that are not dense networks.
std::string next_steps(const std::string& program, const std::string& sweep, const std::string& store, bool pruned);

}  // namespace espalier
