#pragma once

#include <string>

namespace espalier {

/// One thing to say about a sweep file.
struct Diagnostic {
  enum class Severity { error, warning } severity = Severity::error;
  std::string file;
  int line = 0;         ///< 1-based; 0 if it belongs to no line
  int column = 0;       ///< 1-based
  std::string path;     ///< "prune.sparsity[1]"
  std::string message;  ///< what was found, what is allowed
};

/// `lenet.yaml:14:13: prune.criterion: unknown "snp"; did you mean "snip"? (one of magnitude, random, snip, ...)`
std::string to_string(const Diagnostic& diagnostic);

}  // namespace espalier
