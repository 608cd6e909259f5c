#pragma once

#include <string>
#include <vector>

#include "worker/network/network.h"

namespace espalier {

/// Removes half of the units of every scope of granularity channel and head, chosen at random, from a copy of the
/// network, and compares what the smaller network gives for some examples with what this one gives under the masks.
/// Both compute in double precision. Returns the names of scopes where they differ by more than 1e-6 of the largest
/// output; empty where removing is what masking says. Errors: ErrorKind::internal, naming the operator, if a smaller
/// network cannot be made.
std::vector<std::string> unproven_scopes(const Network& network);

}  // namespace espalier
