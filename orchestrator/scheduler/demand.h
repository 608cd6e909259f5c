#pragma once

#include <compare>
#include <cstdint>

#include "experiments/spec/resources.h"

namespace espalier {

/// What a job requires of its pool.
struct Demand {
  int ranks = 1;  ///< of one pool, for one training
  Resources resources = {};
  bool alone_on_host = false;  ///< nothing else of ours runs on its host meanwhile
  auto operator<=>(const Demand&) const = default;
};

/// Ready jobs whose demand no connected rank satisfies.
struct WaitingJobs {
  Demand demand;
  std::int64_t count = 0;
};

}  // namespace espalier
