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
  double interval_s = 10;  ///< between two looks
};

struct AutoscaleSummary {
  std::int64_t submitted = 0, cancelled = 0;
  bool finished = false;  ///< the coordinator has ended, and every pool; else it was stopped
};

/// Reads `--autoscale MIN:MAX`. Errors: ErrorKind::invalid_input for anything else.
ScaleLimits parse_autoscale(const std::string& text, std::int64_t ranks);

/// A sentence for whoever no longer looks after his pools. `title`: theirs.
std::string how_to_end_pools(const std::string& title);

/// Keeps pools for a coordinator's work (orchestrator/pools/autoscaler.h) until it has ended and they are gone, or
/// `stopped` says so. `say` gets a line for each thing that happens. Pools that are there already, of an earlier
/// command too, are counted, and left alone when it is stopped. Errors: ErrorKind::unavailable if no coordinator runs,
/// or pools end before they join, with the end of the last one's log; ErrorKind::invalid_input if Slurm refuses what is
/// asked for.
AutoscaleSummary autoscale(AutoscaleSettings settings, const Slurm& slurm,
                           const std::function<void(const std::string&)>& say, const std::function<bool()>& stopped);

}  // namespace espalier
