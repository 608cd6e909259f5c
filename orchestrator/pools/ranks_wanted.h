#pragma once

#include <cstdint>
#include <vector>

#include "cluster/launch/batch_request.h"
#include "orchestrator/scheduler/demand.h"

namespace espalier {

/// How many ranks of pools of this request the jobs would use. A job that none of them could take counts nothing; a job
/// that leaves ranks of its pool unusable for others counts those too. Pure.
std::int64_t ranks_wanted(const std::vector<WaitingJobs>& waiting, const BatchRequest& request);

}  // namespace espalier
