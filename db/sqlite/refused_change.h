#pragma once

#include <string>

#include "base/error.h"

namespace espalier {

/// A change violates the schema, or refers to a stage that no sweep has; nothing of it was written. Its kind is
/// ErrorKind::internal, for callers that do not catch it.
class RefusedChange : public Error {
 public:
  explicit RefusedChange(const std::string& message) : Error(ErrorKind::internal, message) {}
};

}  // namespace espalier
