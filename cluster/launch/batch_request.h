#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/pools/pool_profile.h"

namespace espalier {

/// One allocation of a batch scheduler, in which one pool runs (again and again, should a job crash it): a profile and
/// the options of `espalier pool`, with nothing left open.
struct BatchRequest {
  Scheduler scheduler = Scheduler::slurm;
  PoolProfile profile;  ///< partition, modules, container, ...: what has no default
  std::string name;     ///< the pool's label is NAME-ID, ID being the scheduler's
  std::string title;    ///< what the scheduler calls it; the same for all allocations of a store and a name
  std::filesystem::path store, data;  ///< absolute; data: "" for the default
  std::string worker;                 ///< espalier-worker, as it is called on the nodes
  Launcher launcher = Launcher::mpirun;
  std::int64_t nodes = 1, ranks_per_node = 1, gpus_per_node = 0;
  std::int64_t time_s = 0;    ///< the allocation's limit
  std::int64_t margin_s = 0;  ///< so long before it the pool has left by itself
  bool requeue = false;       ///< the scheduler starts it again after a preemption; of Slurm it asks that at its limit
  std::vector<std::string> exclude;  ///< nodes
  std::string device = "auto";
  std::int64_t checkpoint_s = 10;
  std::int64_t idle_s = 0;  ///< the pool leaves after so long without a job; 0: it stays
  std::optional<double> memory_gb;

  std::int64_t ranks() const { return nodes * ranks_per_node; }
  /// What the pool of that allocation is called.
  std::string label(const std::string& id) const { return name + "-" + id; }
  /// What the script, its launcher and the ranks print. `id`: "%j" in Slurm's own head.
  std::filesystem::path log(const std::string& id) const { return store / "logs" / (label(id) + ".log"); }
};

}  // namespace espalier
