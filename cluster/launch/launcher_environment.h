#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// A launcher (mpirun, mpiexec, srun) or a batch system set this variable, or it tells one how to start ranks:
/// OMPI_COMM_WORLD_RANK, PMIX_RANK, SLURM_JOBID, PBS_NODEFILE, OMPI_MCA_btl.
bool is_of_launcher(std::string_view name);

/// Our environment without those, as `NAME=VALUE`: for a program that starts ranks of its own on this machine. Within
/// somebody's mpirun or allocation, ours would take itself for a part of it, and refuse or wait for the rest.
std::vector<std::string> environment_without_launcher();

}  // namespace espalier
