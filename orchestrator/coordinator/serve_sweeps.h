#pragma once

#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/progress.h"
#include "orchestrator/coordinator/run_sweep.h"

namespace espalier {

/// A permanent coordinator: runs the sweeps that clients submit, with the pools that join, until it is stopped; resumes
/// open sweeps that were submitted before. `on_ready` is called with the port once it listens.
/// Errors: those of run_sweep; ErrorKind::invalid_input for a wrong config.yaml of the store.
Coordinator::Ending serve_sweeps(const RunSettings& settings, ProgressLine& progress,
                                 const std::function<void(int port)>& on_ready);

}  // namespace espalier
