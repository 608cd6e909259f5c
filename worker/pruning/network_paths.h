#pragma once

#include "experiments/stages/outcome.h"
#include "worker/network/network.h"

namespace espalier {

// worker/pruning/connectivity.h of a network's own masks.

/// Whether a path of kept weights leads from input to output. True for a network whose operations are not known (a
/// TorchScript module): then it cannot be shown that it has none.
bool has_path(const Network& network);

/// Adds to what a stage that leaves masks reports (its `layers` are filled in): see the report_paths of connectivity.h,
/// and the size of what the masks leave (experiments/pruning/network_size.h). For a network of unknown operations only
/// emptied layers are reported.
void report_masks(const Network& network, StageOutcome& outcome);

}  // namespace espalier
