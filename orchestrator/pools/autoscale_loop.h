#pragma once

#include <functional>
#include <string>

#include "cluster/launch/batch_request.h"
#include "cluster/launch/slurm.h"
#include "orchestrator/pools/autoscaler.h"

namespace espalier {

struct AutoscaleSettings {
  BatchRequest request;  ///< of each pool
  ScaleLimits limits;
  double interval_s = 10;  ///< between two polls
};

struct AutoscaleSummary {
  std::int64_t submitted = 0, cancelled = 0;
  bool finished = false;  ///< the coordinator and every pool have ended; false: it was stopped
};

/// Reads `--autoscale MIN:MAX`. Errors: ErrorKind::invalid_input for anything else.
ScaleLimits parse_autoscale(const std::string& text, std::int64_t ranks);

/// Shutdown hint printed when autoscaling stops. `title`: that of the pools.
std::string how_to_end_pools(const std::string& title);

/// Keeps pools for a coordinator's work (orchestrator/pools/autoscaler.h) until it and the pools have ended, or
/// `stopped` returns true. `say` gets a line for each event. Existing pools, also of an earlier command, are counted,
/// and left running when it is stopped. Errors: ErrorKind::unavailable if no coordinator runs, or pools end before they
/// join, with the end of the last one's log; ErrorKind::invalid_input if Slurm refuses the request.
AutoscaleSummary autoscale(AutoscaleSettings settings, const Slurm& slurm,
                           const std::function<void(const std::string&)>& say, const std::function<bool()>& stopped);

}  // namespace espalier
