#include "cluster/launch/launcher_environment.h"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace espalier {
namespace {

constexpr std::array<std::string_view, 21> kLauncherPrefixes{
    // Open MPI and MPICH, and the protocols by which ranks find each other
    "OMPI_", "ORTE_", "PRTE_", "PMIX_", "PMI_", "PMI2_", "MPI_", "MPIR_", "MPIEXEC_", "HYDRA_", "HYDI_",
    // Slurm, PBS and Torque, LSF, Grid Engine, Flux, Cray's launchers
    "SLURM_", "SLURMD_", "SRUN_", "PBS_", "LSB_", "LSF_", "PE_HOSTFILE", "FLUX_", "ALPS_", "PALS_"};

}  // namespace

bool is_of_launcher(std::string_view name) {
  return std::ranges::any_of(kLauncherPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::vector<std::string> environment_without_launcher() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!is_of_launcher(text.substr(0, text.find('=')))) variables.emplace_back(text);
  }
  return variables;
}

}  // namespace espalier
