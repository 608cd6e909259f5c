#pragma once

#include <string>

namespace espalier {

/// `SEGV`, `KILL`; `42` for one that has no name.
std::string signal_name(int signal);

}  // namespace espalier
