#pragma once

#include <string>

#include "cluster/launch/batch_request.h"

namespace espalier {

/// The directive lines of a batch script.
std::string slurm_head(const BatchRequest& request);
std::string pbs_head(const BatchRequest& request);

/// What differs between schedulers in the shell: the variables `allocation`, `given_ranks` and `end_time` (seconds
/// since 1970; 0 if the scheduler does not say), and the functions `requeue_allocation`, `is_ending` and `lost_nodes`.
/// PBS lets no user requeue a job (qrerun is for operators): only PBS itself does.
std::string slurm_words();
std::string pbs_words();

}  // namespace espalier
