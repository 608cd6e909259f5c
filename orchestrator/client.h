#pragma once

#include <chrono>
#include <string>

#include "cluster/coordinator_address.h"

namespace espalier {

/// Asks a coordinator (docs/protocol.md lists questions, arguments and answers: JSON, "" for
/// none). Waits for the answer for as long as the coordinator lets it be known that it is there. Errors:
/// ErrorKind::unavailable if none runs, or nothing is heard of it for `silence`; ErrorKind::invalid_input with its
/// sentence if it refuses the question.
std::string ask_coordinator(const CoordinatorSource& coordinator, const std::string& question,
                            const std::string& arguments = "",
                            std::chrono::milliseconds silence = std::chrono::seconds(10));

}  // namespace espalier
