#pragma once

#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/progress.h"
#include "orchestrator/coordinator/run_settings.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {

struct RunSummary {
  Coordinator::Ending ending = Coordinator::Ending::finished;
  SweepStatus status;
  bool nothing_to_do = false;  ///< every result was there
  double elapsed_s = 0;
};

/// Runs what of the sweep is not done yet, with local pools, and commits every result.
/// A full disk pauses it. Errors: ErrorKind::unavailable without mpirun or espalier-worker, if the store is in use, the
/// port is taken, or pools die at once; ErrorKind::exhausted if there is no room to begin, or to write the last results
/// when it is stopped. Before any work where that can be known.
RunSummary run_sweep(LoadedSweep sweep, const RunSettings& settings, ProgressLine& progress);

}  // namespace espalier
