#pragma once

#include <string>

namespace espalier {

/// JSON text of everything that could change numbers or times: host, cpu, cores, gpu, blas (library and kernel),
/// libtorch, threads, compiler, git commit and dirty flag of the build, kNumericsEpoch. `mpi` is MPI's version line,
/// `device` the requested device, available or not.
std::string describe_environment(const std::string& mpi, const std::string& device);

}  // namespace espalier
