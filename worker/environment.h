#pragma once

#include <string>

namespace espalier {

/// JSON text of what could make numbers or times differ: host, cpu, cores, gpu, blas (library and kernel), libtorch,
/// threads, compiler, git commit and dirty flag of the build, kNumericsEpoch. `mpi` is MPI's own version line (the
/// caller has it), `device` what was asked for, whether it is there or not.
std::string describe_environment(const std::string& mpi, const std::string& device);

/// Debian's OpenBLAS picks a slow SSE3 kernel on processors newer than itself. If the kernel in use is below what the
/// processor can do, sets OPENBLAS_CORETYPE (which must be set before the library loads) and executes this program
/// again; call it first thing in main, before MPI_Init. Respects an OPENBLAS_CORETYPE that the user set. Returns a line
/// for the log, "" if the kernel was right at once.
std::string ensure_fast_blas_kernel(char** argv);

}  // namespace espalier
