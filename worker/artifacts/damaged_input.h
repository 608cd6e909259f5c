#pragma once

#include <string>

#include "base/error.h"
#include "experiments/stages/stage.h"

namespace espalier {

/// An artifact that a stage needs is missing or damaged; in the second case it has been set aside. The stage that left
/// it must run again.
class DamagedInput : public Error {
 public:
  DamagedInput(const StageKey& key, const std::string& message) : Error(ErrorKind::corrupt, message), key_(key) {}
  const StageKey& key() const { return key_; }

 private:
  StageKey key_;
};

}  // namespace espalier
