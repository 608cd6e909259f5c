#pragma once

#include "experiments/parse/store_config.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// Reads the config.yaml of a store that sweeps are run on; a missing one is empty.
/// Errors: ErrorKind::invalid_input with every problem on a line of its own, or if it cannot be read.
StoreConfig load_store_config(const StorePaths& store);

}  // namespace espalier
