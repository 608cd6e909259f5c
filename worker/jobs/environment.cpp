#include "worker/jobs/environment.h"

#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>
#include <torch/version.h>

#include "base/host_name.h"
#include "experiments/formats/json_text.h"
#include "experiments/stages/stage.h"
#include "worker/jobs/build_identity.h"
#include "worker/machine/blas_kernel.h"

namespace espalier {
namespace {

/// What follows the colon of the first line that begins with `field`; "" if there is none.
std::string field_of(const std::filesystem::path& path, const std::string& field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(field, 0) != 0) continue;
    const auto value = line.find_first_not_of(" \t", line.find(':') + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

/// The models of the machine's GPUs, as NVIDIA's driver names them.
nlohmann::json gpus() {
  nlohmann::json names = nlohmann::json::array();
  std::error_code missing;
  std::filesystem::directory_iterator entry("/proc/driver/nvidia/gpus", missing), end;
  for (; !missing && entry != end; entry.increment(missing)) {
    names.push_back(field_of(entry->path() / "information", "Model:"));
  }
  return names;
}

std::string cpu_name() {
  const std::string name = field_of("/proc/cpuinfo", "model name");
  return name.empty() ? field_of("/proc/cpuinfo", "CPU implementer") : name;
}

}  // namespace

std::string describe_environment(const std::string& mpi, const std::string& device) {
  const std::string blas = blas_library();
  return json_text(nlohmann::json{{"host", host_name()},
                                  {"cpu", cpu_name()},
                                  {"cpu_best_kernel", best_blas_kernel()},
                                  {"cores", std::thread::hardware_concurrency()},
                                  {"gpu", gpus()},
                                  {"device", device == "auto" ? (at::hasCUDA() ? "cuda" : "cpu") : device},
                                  {"blas", blas.empty() ? "not OpenBLAS" : blas},
                                  {"blas_kernel", blas_kernel_in_use()},
                                  {"libtorch", TORCH_VERSION},
                                  {"mpi", mpi},
                                  {"threads", at::get_num_threads()},
                                  {"compiler", "g++ " __VERSION__},
                                  {"git_commit", kGitCommit},
                                  {"git_dirty", kGitDirty},
                                  {"numerics_epoch", kNumericsEpoch}},
                   -1);
}

}  // namespace espalier
