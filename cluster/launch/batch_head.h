#pragma once

#include <string>

#include "cluster/launch/batch_request.h"

namespace espalier {

/// The lines of a batch script that the scheduler reads.
std::string slurm_head(const BatchRequest& request);
std::string pbs_head(const BatchRequest& request);

/// What differs between schedulers in the shell: the variables `allocation`, `given_ranks` and `end_time` (seconds
/// since 1970; 0 if the scheduler does not say), and the functions `requeue_allocation`, `is_ending` and `lost_nodes`.
/// PBS lets no user have a job of his own started again (qrerun is for operators): it does so by itself, or not at all.
std::string slurm_words();
std::string pbs_words();

}  // namespace espalier
