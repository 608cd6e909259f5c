#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// A launcher (mpirun, mpiexec, srun) or a batch system set this variable, or it tells one how to start ranks:
/// OMPI_COMM_WORLD_RANK, PMIX_RANK, SLURM_JOBID, PBS_NODEFILE, OMPI_MCA_btl.
bool is_of_launcher(std::string_view name);

/// Our environment without those, as `NAME=VALUE`, for a program that starts its own ranks on this machine. Within
/// another mpirun or allocation its mpirun would take itself for a part of that, and fail or wait.
std::vector<std::string> environment_without_launcher();

}  // namespace espalier
