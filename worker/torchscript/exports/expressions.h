#pragma once

#include <string>

#include "worker/torchscript/exports/script_writer.h"

namespace espalier {

/// What TorchScript computes for a node in evaluation mode: dropout is off, norms use what they have kept. Lines that
/// it needs before go to `to`. Errors: ErrorKind::invalid_input, naming the node and its operator, for what TorchScript
/// has no counterpart of.
std::string expression_of(ScriptWriter& to, const Node& node);

}  // namespace espalier
