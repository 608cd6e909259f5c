#pragma once

#include <chrono>
#include <string>

#include "cluster/coordinator_address.h"

namespace espalier {

/// Asks a coordinator (docs/protocol.md lists questions, arguments and answers: JSON, "" for
/// none). Errors: ErrorKind::unavailable if none does, or none answers within `limit`; ErrorKind::invalid_input with
/// its sentence if it refuses the question.
std::string ask_coordinator(const CoordinatorSource& coordinator, const std::string& question, const std::string& arguments = "",
                            std::chrono::seconds limit = std::chrono::seconds(10));

}  // namespace espalier
