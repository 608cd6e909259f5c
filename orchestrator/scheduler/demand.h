#pragma once

#include <compare>
#include <cstdint>

#include "experiments/spec/resources.h"

namespace espalier {

/// What a job asks of the pool it runs in.
struct Demand {
  int ranks = 1;  ///< of one pool, for one training
  Resources resources = {};
  auto operator<=>(const Demand&) const = default;
};

/// Jobs that could be handed out now, had somebody what they ask for.
struct WaitingJobs {
  Demand demand;
  std::int64_t count = 0;
};

}  // namespace espalier
