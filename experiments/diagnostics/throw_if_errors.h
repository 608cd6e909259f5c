#pragma once

#include <string>
#include <vector>

#include "experiments/diagnostics/diagnostic.h"

namespace espalier {

/// Throws ErrorKind::invalid_input with every error among `diagnostics` on a line of its own; warnings are left alone.
/// `what` is "the sweep" or what else they are about.
void throw_if_errors(const std::string& what, const std::vector<Diagnostic>& diagnostics);

}  // namespace espalier
