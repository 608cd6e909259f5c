#pragma once

#include <string>

namespace espalier {

/// The kernel that OpenBLAS chose for this processor ("SkylakeX", "Haswell", "Prescott", ...); "" if BLAS is another
/// library.
std::string blas_kernel_in_use();

/// OpenBLAS's own line about itself ("OpenBLAS 0.3.21 DYNAMIC_ARCH ..."); "" if BLAS is another library.
std::string blas_library();

/// The best kernel for the instructions of this processor; "" if none better than the default is known.
std::string best_blas_kernel();

/// True if `kernel` uses fewer of the processor's instructions than `better`. Names not in the table are newer, and
/// kept.
bool is_slower_blas_kernel(const std::string& kernel, const std::string& better);

/// One rank computes in one thread; does nothing if BLAS is another library.
void use_one_blas_thread();
/// Likewise, in so many.
void use_blas_threads(int threads);

/// Debian's OpenBLAS picks a slow SSE3 kernel on processors newer than itself. If the kernel in use is below what the
/// processor can do, sets OPENBLAS_CORETYPE (which must be set before the library loads) and executes this program
/// again; call it first thing in main, before MPI_Init. Respects an OPENBLAS_CORETYPE that the user set. Returns a line
/// for the log, "" if the kernel was right at once.
std::string ensure_fast_blas_kernel(char** argv);

}  // namespace espalier
