#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/pools/pool_profile.h"

namespace espalier {

/// One allocation of a batch scheduler, in which one pool runs (restarted after crashes): a profile and the options of
/// `espalier pool`, with all defaults filled in.
struct BatchRequest {
  Scheduler scheduler = Scheduler::slurm;
  PoolProfile profile;                ///< partition, modules, container, ...: what has no default
  std::string name;                   ///< the pool's label is NAME-ID, ID being the scheduler's
  std::string title;                  ///< the job's name; the same for all allocations of a store and a name
  std::filesystem::path store, data;  ///< absolute; data: "" for the default
  std::string worker;                 ///< the command for espalier-worker on the nodes
  Launcher launcher = Launcher::mpirun;
  std::int64_t nodes = 1, ranks_per_node = 1, gpus_per_node = 0;
  std::int64_t time_s = 0;           ///< the allocation's limit
  std::int64_t margin_s = 0;         ///< the pool leaves so long before the limit
  bool requeue = false;              ///< after a preemption; under Slurm also at its limit
  std::vector<std::string> exclude;  ///< nodes
  std::string device = "auto";
  std::int64_t checkpoint_s = 10;
  std::int64_t idle_s = 0;  ///< idle timeout of the pool; 0: none
  std::optional<double> memory_gb;

  std::int64_t ranks() const { return nodes * ranks_per_node; }
  /// The pool's label in that allocation.
  std::string label(const std::string& id) const { return name + "-" + id; }
  /// The log of the script, its launcher and the ranks. `id`: "%j" in Slurm's directives.
  std::filesystem::path log(const std::string& id) const { return store / "logs" / (label(id) + ".log"); }
};

}  // namespace espalier
