#include "tests/e2e/slurm_cluster.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

#include "tests/needs.h"

namespace espalier {
namespace {

std::filesystem::path slurm_scripts() {
  return folder_named_by("ESPALIER_SLURM", ESPALIER_SLURM_DEFAULT);
}

/// PATH, with where daemons are.
std::string path_of_daemons() {
  const char* path = std::getenv("PATH");
  return std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
}

bool is_on_path(const std::string& program) {
  return Program({"/bin/sh", "-c", "command -v " + program}, {{"PATH", path_of_daemons()}}).wait().exit_code == 0;
}

void kill_with(const std::string& text) {
  for (const pid_t pid : processes_with(text)) ::kill(pid, SIGKILL);
}

}  // namespace

std::string SlurmCluster::missing() {
  for (const char* script : {"start.sh", "stop.sh"}) {
    if (!std::filesystem::exists(slurm_scripts() / script))
      return (slurm_scripts() / script).string() + " (or set ESPALIER_SLURM)";
  }
  for (const auto& [program, package] : std::map<std::string, std::string>{
           {"munged", "munge"}, {"sbatch", "slurm-client"}, {"slurmctld", "slurmctld"}, {"slurmd", "slurmd"}}) {
    if (!is_on_path(program)) return program + " (Debian: " + package + ")";
  }
  return ::geteuid() == 0 ? "" : "root: its daemons want to be root's";
}

SlurmCluster::SlurmCluster()
    : folder_(std::filesystem::temp_directory_path() / ("espalier_slurm_" + std::to_string(::getpid()))) {
  const ProgramEnd end =
      Program({"/bin/bash", (slurm_scripts() / "start.sh").string(), "3", "2"}, environment()).wait(60);
  if (end.exit_code != 0) throw std::runtime_error("the emulated Slurm did not start: " + end.out + end.err);
}

SlurmCluster::~SlurmCluster() {
  Program({"/bin/bash", (slurm_scripts() / "stop.sh").string()}, environment()).wait(60);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::map<std::string, std::string> SlurmCluster::environment() const {
  return {{"SLURM_TEST_DIR", folder_.string()},
          {"SLURM_CONF", (folder_ / "slurm.conf").string()},
          {"PIN", ""},
          {"PATH", path_of_daemons()}};
}

std::string SlurmCluster::ask(const std::vector<std::string>& command) const {
  std::vector<std::string> words{"/usr/bin/env"};
  words.insert(words.end(), command.begin(), command.end());
  const ProgramEnd end = Program(words, environment()).wait(60);
  if (end.exit_code != 0) throw std::runtime_error(command[0] + ": " + end.out + end.err);
  return end.out;
}

void SlurmCluster::kill_node(const std::string& node, const std::string& allocation) const {
  std::ifstream in(folder_ / ("slurmd." + node + ".pid"));
  pid_t daemon = 0;
  in >> daemon;
  if (daemon > 0) ::kill(daemon, SIGKILL);
  kill_with("slurmstepd: [" + allocation + ".");
  kill_with("/job" + std::string(5 - std::min<std::size_t>(5, allocation.size()), '0') + allocation + "/slurm_script");
  kill_with("slurm-" + allocation + std::string(1, '\0'));  // the launcher and the ranks, by their --label
}

}  // namespace espalier
