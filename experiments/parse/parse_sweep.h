#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/diagnostics/diagnostic.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

struct ParsedSweep {
  std::optional<SweepSpec> spec;        ///< only if there is no error
  std::vector<Diagnostic> diagnostics;  ///< every problem, in the order it was met
};

/// Reads a sweep file (docs/sweeps.md). `file` is its name for messages. `overrides` are "train.epochs=2": each
/// replaces the value at its path, and is named by its problems ("--set train.epochs"). Pure; never throws for a bad
/// text.
ParsedSweep parse_sweep(std::string_view text, const std::string& file, const std::vector<std::string>& overrides = {});

}  // namespace espalier
