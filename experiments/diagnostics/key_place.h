#pragma once

#include <string>
#include <utility>

#include "experiments/diagnostics/diagnostic.h"

namespace espalier {

/// Where a key or value stands, for diagnostics about it, also late ones. `file` is "--set train.epochs" for an
/// override.
struct KeyPlace {
  std::string file;
  int line = 0;    ///< 1-based; 0 if it belongs to no line
  int column = 0;  ///< 1-based
  std::string path;
  bool operator==(const KeyPlace&) const = default;
};

inline Diagnostic make_diagnostic(Diagnostic::Severity severity, const KeyPlace& place, std::string message) {
  return {severity, place.file, place.line, place.column, place.path, std::move(message)};
}

}  // namespace espalier
