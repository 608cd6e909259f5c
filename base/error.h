#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace espalier {

/// What to do next about a failure. The retry policy is one switch over it.
enum class ErrorKind {
  invalid_input,  ///< the user fixes it: a sweep key, a missing dataset, a wrong flag
  unavailable,    ///< retry elsewhere or later: a lost worker, a taken port
  exhausted,      ///< retry with more: memory, disk
  numeric,        ///< a result, not a fault: NaN is data
  corrupt,        ///< keep the evidence, make it again: a file whose hash is wrong
  internal        ///< a bug: stop
};

/// The one exception type that travels between folders. The message says where, what, and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

std::string_view to_string(ErrorKind kind);
/// Errors: ErrorKind::invalid_input for a text that names no kind.
ErrorKind parse_error_kind(std::string_view text);

}  // namespace espalier
