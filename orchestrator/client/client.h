#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cluster/connection/coordinator_address.h"

namespace espalier {

/// Asks a coordinator (docs/protocol.md lists questions, arguments and answers: JSON, "" for
/// none). Waits for the answer while the coordinator sends heartbeats. Errors:
/// ErrorKind::unavailable if none runs, or nothing is received for `silence`; ErrorKind::invalid_input with its
/// sentence if it refuses the question.
std::string ask_coordinator(const CoordinatorSource& coordinator, const std::string& question,
                            const std::string& arguments = "",
                            std::chrono::milliseconds silence = std::chrono::seconds(10));

/// The arguments of a question as their JSON. Errors: ErrorKind::invalid_input for a text in them that is not UTF-8, by
/// its name: with a byte replaced it would mean another path, or another sweep.
std::string question_arguments(const nlohmann::json& arguments);

}  // namespace espalier
