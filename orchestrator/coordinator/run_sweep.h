#pragma once

#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/progress.h"
#include "orchestrator/coordinator/run_settings.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {

struct RunSummary {
  Coordinator::Ending ending = Coordinator::Ending::finished;
  SweepStatus status;
  bool nothing_to_do = false;  ///< every result existed already
  double elapsed_s = 0;
};

/// Runs the sweep's open stages with local pools, and commits every result.
/// A full disk pauses it. Errors: ErrorKind::unavailable without mpirun or espalier-worker, if the store is in use, the
/// port is taken, or pools die at once; ErrorKind::exhausted if there is no free space to begin, or for the last
/// results when it is stopped. They are thrown before any work where possible.
RunSummary run_sweep(LoadedSweep sweep, const RunSettings& settings, ProgressLine& progress);

}  // namespace espalier
