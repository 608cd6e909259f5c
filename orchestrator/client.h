#pragma once

#include "experiments/store_paths.h"

namespace espalier {

/// Asks the coordinator of that store to stop its sweep; returns when it has agreed.
/// Errors: ErrorKind::unavailable if none runs there or it does not answer within ten seconds.
void cancel_sweep(const StorePaths& store);

/// Asks it to break the connections of all of its pools, as a failing network would. Errors: as cancel_sweep.
void drop_pools(const StorePaths& store);

}  // namespace espalier
