#pragma once

#include "experiments/paths/store_paths.h"

namespace espalier {

/// Checks, before a store is opened for writing, that no other coordinator runs: its lock does not protect it if that
/// file was removed. A coordinator whose connection file exists and which lives and listens is still running, and would
/// lose that file to us. Errors: ErrorKind::unavailable then.
void refuse_second_coordinator(const StorePaths& store);

}  // namespace espalier
