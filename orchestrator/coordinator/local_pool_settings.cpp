#include "orchestrator/coordinator/local_pool_settings.h"

#include <algorithm>
#include <thread>

#include "cluster/launch/worker_program.h"

namespace espalier {

LocalPool local_pool_settings(const RunSettings& settings, const StorePaths& paths) {
  LocalPool pool;
  pool.name = "local-1";
  pool.ranks = settings.workers.value_or(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  pool.mpirun = find_program("mpirun", "install Open MPI (Debian: apt-get install openmpi-bin)");
  pool.worker = find_worker();
  pool.store = std::filesystem::absolute(paths.root);
  pool.data = settings.data.empty() ? settings.data : std::filesystem::absolute(settings.data);
  pool.log = std::filesystem::absolute(paths.logs()) / (pool.name + ".log");
  pool.lock = std::filesystem::absolute(paths.pool_lock(pool.name));
  pool.identity = std::filesystem::absolute(paths.pool_identity(pool.name));
  pool.device = settings.device;
  pool.checkpoint_seconds = settings.checkpoint_seconds;
  pool.start_limit_seconds = settings.start_limit_s;
  pool.hang_seconds = settings.hang_seconds;
  pool.grace_seconds = settings.grace_seconds;
  pool.memory_gb = settings.memory_gb;
  return pool;
}

}  // namespace espalier
