#include "worker/machine/blas_kernel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string_view>
#include <unistd.h>

// OpenBLAS picks its kernels once, when the library is loaded, from a table of processors that it knew when it was
// released; on others it falls back to SSE3 (Prescott) or AVX2 (Haswell, on AMD Zen 5). Only OPENBLAS_CORETYPE in the
// environment of a starting process can say otherwise, so the program starts itself again.

namespace espalier {
namespace {

constexpr const char* kCoreType = "OPENBLAS_CORETYPE";
constexpr const char* kGuard = "ESPALIER_BLAS_KERNEL_BEFORE";  // set across the second start, so that there is no third

struct Kernel {
  std::string_view name;
  int rank;  ///< by vector instructions: 1 SSE3 and before, 2 SSE4, 3 AVX, 4 AVX2 and FMA, 5 AVX-512
};
constexpr std::array<Kernel, 22> kKernels{
    {{"Katmai", 1},      {"Coppermine", 1},   {"Northwood", 1},  {"Prescott", 1},    {"Banias", 1},
     {"Atom", 1},        {"Core2", 1},        {"Penryn", 1},     {"Dunnington", 1},  {"Athlon", 1},
     {"Opteron", 1},     {"Opteron_SSE3", 1}, {"Barcelona", 1},  {"Bobcat", 1},      {"Nehalem", 2},
     {"Sandybridge", 3}, {"Bulldozer", 3},    {"Piledriver", 3}, {"Steamroller", 3}, {"Excavator", 3},
     {"Haswell", 4},     {"Zen", 4}}};
constexpr int kAvx512 = 5;

int kernel_rank(std::string_view name) {
  const auto known =
      std::find_if(kKernels.begin(), kKernels.end(), [name](const Kernel& kernel) { return kernel.name == name; });
  return known == kKernels.end() ? kAvx512 : known->rank;
}

std::string ask_openblas(const char* function) {
  const auto call = reinterpret_cast<const char* (*)()>(::dlsym(RTLD_DEFAULT, function));
  const char* answer = call ? call() : nullptr;
  return answer ? answer : "";
}

}  // namespace

std::string blas_kernel_in_use() {
  return ask_openblas("openblas_get_corename");
}

std::string blas_library() {
  return ask_openblas("openblas_get_config");
}

std::string best_blas_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return "";
}

bool is_slower_blas_kernel(const std::string& kernel, const std::string& better) {
  return !better.empty() && kernel_rank(kernel) < kernel_rank(better);
}

void use_one_blas_thread() {
  use_blas_threads(1);
}

void use_blas_threads(int threads) {
  if (const auto set = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(threads);
}

std::string ensure_fast_blas_kernel(char** argv) {
  const std::string now = blas_kernel_in_use();
  if (const char* before = std::getenv(kGuard)) {
    return "OpenBLAS had chosen its " + std::string(before) +
           " kernel, below what this processor can do; started again with " + kCoreType + "=" + best_blas_kernel() +
           ", now using " + now;
  }
  const std::string best = best_blas_kernel();
  if (now.empty() || std::getenv(kCoreType) || !is_slower_blas_kernel(now, best)) return "";
  ::setenv(kGuard, now.c_str(), 1);
  ::setenv(kCoreType, best.c_str(), 1);
  ::execv("/proc/self/exe", argv);
  return "OpenBLAS uses its " + now + " kernel where " + best + " would be faster, and starting again failed (" +
         std::strerror(errno) + "); set " + kCoreType + "=" + best + " yourself";
}

}  // namespace espalier
