#pragma once

#include "cluster/launch/local_pool_process.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/coordinator/run_settings.h"

namespace espalier {

/// The pool that a coordinator starts beside itself. Errors: ErrorKind::unavailable without mpirun or espalier-worker.
LocalPool local_pool_settings(const RunSettings& settings, const StorePaths& paths);

}  // namespace espalier
