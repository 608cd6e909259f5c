#pragma once

#include <string>
#include <vector>

#include "worker/network/network.h"

namespace espalier {

/// Removes all blocks of granularity layer (experiments/pruning/removable_blocks.h), and compares what the smaller
/// network gives for some examples with what this one gives with the blocks' weights at zero. Returns the names of
/// blocks where they differ by more than 1e-6 of the largest output. `network` is on the CPU and is left as it was.
std::vector<std::string> unproven_blocks(const Network& network);

}  // namespace espalier
