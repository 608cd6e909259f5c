#pragma once

#include <compare>

#include "experiments/resources.h"

namespace espalier {

/// What a job asks of the pool it runs in.
struct Demand {
  int ranks = 1;  ///< of one pool, for one training
  Resources resources = {};
  auto operator<=>(const Demand&) const = default;
};

}  // namespace espalier
