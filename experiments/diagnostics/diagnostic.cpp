#include "experiments/diagnostics/diagnostic.h"

#include "base/utf8.h"

namespace espalier {

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.line > 0) text += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  if (!text.empty()) text += ": ";
  if (diagnostic.severity == Diagnostic::Severity::warning) text += "warning: ";
  if (!diagnostic.path.empty()) text += diagnostic.path + ": ";
  return printable(text + diagnostic.message);  // a line, whatever a file's texts hold
}

}  // namespace espalier
