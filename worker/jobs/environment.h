#pragma once

#include <string>

namespace espalier {

/// JSON text of what could make numbers or times differ: host, cpu, cores, gpu, blas (library and kernel), libtorch,
/// threads, compiler, git commit and dirty flag of the build, kNumericsEpoch. `mpi` is MPI's own version line (the
/// caller has it), `device` what was asked for, whether it is there or not.
std::string describe_environment(const std::string& mpi, const std::string& device);

}  // namespace espalier
