#pragma once

#include <string>
#include <vector>

#include "experiments/stages/loss_cause.h"

namespace espalier {

/// Which failed stages: those that fit both. An empty list admits all.
struct FailureFilter {
  std::vector<LossCause> causes;    ///< a stage that failed before causes were recorded counts as LossCause::error
  std::vector<std::string> stages;  ///< the first digits of keys, in lower case
};

}  // namespace espalier
