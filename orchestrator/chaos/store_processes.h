#pragma once

#include <sys/types.h>
#include <vector>

#include "experiments/paths/store_paths.h"

namespace espalier {

/// The processes of this machine that work for a store: those whose command line has `--store DIR`.
struct StoreProcesses {
  std::vector<pid_t> launchers;  ///< mpirun
  std::vector<pid_t> ranks;      ///< espalier-worker
};
/// In the order of their pids. The store's path is compared as it stands in the command line: give an absolute one.
StoreProcesses find_store_processes(const StorePaths& store);

}  // namespace espalier
