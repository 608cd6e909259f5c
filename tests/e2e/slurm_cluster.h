#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/program.h"

namespace espalier {

/// A Slurm of its own on this machine, three nodes of two cores each, in a temporary folder. Its ports are fixed: one
/// at a time. The scripts that start and stop it are looked for in $ESPALIER_SLURM, else beside the source tree.
class SlurmCluster {
 public:
  /// What it takes and is not here; "" if all is.
  static std::string missing();
  /// Errors: std::runtime_error with what the script said.
  SlurmCluster();
  ~SlurmCluster();
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  /// What makes Slurm's commands speak to it.
  std::map<std::string, std::string> environment() const;
  /// One of Slurm's commands, to its end; what it printed. Errors: std::runtime_error if it failed.
  std::string ask(const std::vector<std::string>& command) const;
  /// As if its power went: the node's daemon and all that runs in an allocation there.
  void kill_node(const std::string& node, const std::string& allocation) const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace espalier
