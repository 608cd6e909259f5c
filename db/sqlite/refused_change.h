#pragma once

#include <string>

#include "base/error.h"

namespace espalier {

/// What was to be written breaks a rule of the schema, or tells of a stage that no sweep has: nothing of it was. Of
/// kind ErrorKind::internal, for whoever does not ask.
class RefusedChange : public Error {
 public:
  explicit RefusedChange(const std::string& message) : Error(ErrorKind::internal, message) {}
};

}  // namespace espalier
