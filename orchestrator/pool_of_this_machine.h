#pragma once

#include "cluster/local_pool.h"
#include "experiments/store_paths.h"
#include "orchestrator/run_sweep.h"

namespace espalier {

/// The pool that a coordinator starts beside itself. Errors: ErrorKind::unavailable without mpirun or espalier-worker.
LocalPool pool_of_this_machine(const RunSettings& settings, const StorePaths& paths);

}  // namespace espalier
