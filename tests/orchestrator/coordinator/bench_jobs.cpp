// How many jobs a second go through everything but the work: coordinator, TLS, gateway, MPI, rank, and back into
// SQLite, durably. The time runs from the first job handed out to the last outcome
// committed.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "db/write/store.h"
#include "experiments/stages/stage_key.h"
#include "experiments/stages/stage_spec.h"
#include "orchestrator/coordinator/coordinator.h"
#include "tests/orchestrator/noop_graph.h"

namespace espalier {
namespace {

double first_to_last(const std::filesystem::path& folder, int jobs, int ranks) {
  const StageGraph graph = noop_graph(jobs);
  Store store(folder);
  log_to_file(store.paths().logs() / "bench.log", "bench");
  Core core({store.generation()});
  core.add_sweep({1, "noop", graph, std::vector<bool>(graph.stages.size(), false)}, 0);
  store.record_sweep("noop", "", {}, graph);
  LocalPool pool;
  pool.name = "bench";
  pool.ranks = ranks;
  pool.mpirun = find_program("mpirun", "install openmpi-bin");
  pool.worker = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier-worker";
  pool.store = folder;
  pool.log = store.paths().logs() / "pool.log";
  pool.lock = store.paths().pool_lock(pool.name);
  pool.identity = store.paths().pool_identity(pool.name);
  std::ostringstream unseen;
  ProgressLine progress(unseen, false);
  CoordinatorOptions options;
  options.local_pools = {pool};
  Coordinator coordinator(store, core, options, progress);
  coordinator.run();
  return coordinator.busy_s();
}

double median(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

int run(int jobs, int ranks, int repeats) {
  std::vector<double> rates;
  for (int i = 0; i < repeats; ++i) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / fmt::format("espalier_bench_jobs_{}_{}", ::getpid(), i);
    const double seconds = first_to_last(folder, jobs, ranks);
    std::filesystem::remove_all(folder);
    rates.push_back(jobs / seconds);
    std::cout << fmt::format("{} no-op jobs on {} ranks: {:.3f} s, {:.0f} jobs/s\n", jobs, ranks, seconds,
                             jobs / seconds);
  }
  std::cout << fmt::format("median {:.0f} jobs/s (mpi4py.futures, which keeps nothing: 5284)\n", median(rates));
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  try {
    return espalier::run(argc > 1 ? std::atoi(argv[1]) : 2000, argc > 2 ? std::atoi(argv[2]) : 2,
                         argc > 3 ? std::atoi(argv[3]) : 5);
  } catch (const espalier::Error& error) {
    std::cerr << "bench_jobs: " << error.what() << "\n";
    return 1;
  }
}
