#include "worker/machine/gpu_name.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace espalier {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string nth_of_list(const std::string& list, int number) {
  std::istringstream in(list);
  std::string entry;
  for (int i = 0; std::getline(in, entry, ','); ++i) {
    if (i == number) return entry;
  }
  return "";
}

}  // namespace

GpuSurroundings gpu_surroundings() {
  const std::string slurm = variable("SLURM_JOB_ID");
  return {variable("CUDA_VISIBLE_DEVICES"), slurm.empty() ? variable("PBS_JOBID") : slurm};
}

std::string gpu_name(int number, const GpuSurroundings& surroundings) {
  std::string of_machine = nth_of_list(surroundings.visible, number);
  const bool is_number =
      std::all_of(of_machine.begin(), of_machine.end(), [](unsigned char c) { return std::isdigit(c); });
  if (!is_number) return of_machine;  // unique on any machine
  if (of_machine.empty()) of_machine = std::to_string(number);
  return "cuda:" + of_machine + (surroundings.allocation.empty() ? "" : " of job " + surroundings.allocation);
}

}  // namespace espalier
