#include "experiments/diagnostics/throw_if_errors.h"

#include "base/error.h"

namespace espalier {

void throw_if_errors(const std::string& what, const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  std::size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Diagnostic::Severity::error) continue;
    text += "\n" + to_string(diagnostic);
    ++errors;
  }
  if (errors == 0) return;
  throw Error(ErrorKind::invalid_input,
              what + (errors == 1 ? " has a problem:" : " has " + std::to_string(errors) + " problems:") + text);
}

}  // namespace espalier
