#pragma once

#include "experiments/store_paths.h"

namespace espalier {

/// Asks the coordinator of that store to stop its sweep; returns when it has agreed.
/// Errors: ErrorKind::unavailable if none runs there or it does not answer within ten seconds.
void cancel_sweep(const StorePaths& store);

}  // namespace espalier
