#pragma once

#include <cstdint>
#include <vector>

#include "cluster/launch/batch_request.h"
#include "orchestrator/scheduler/demand.h"

namespace espalier {

/// How many ranks of pools that are started by this request the jobs would keep at work. A job that none of them could
/// take counts nothing; one that leaves ranks of its pool to nobody else counts those too. Pure.
std::int64_t ranks_wanted(const std::vector<WaitingJobs>& waiting, const BatchRequest& request);

}  // namespace espalier
