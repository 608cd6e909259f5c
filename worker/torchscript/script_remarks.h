#pragma once

#include <string>
#include <vector>

namespace espalier {

class ScriptModule;

/// What a user should know of the module's tensors: layers that cannot be pruned, and numbers that are not finite.
std::vector<std::string> remarks_on(const ScriptModule& module);

}  // namespace espalier
