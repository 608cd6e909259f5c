#pragma once

#include <string>

namespace espalier {

/// This machine's name, as gethostname gives it; "unknown" if it gives none.
std::string host_name();

}  // namespace espalier
