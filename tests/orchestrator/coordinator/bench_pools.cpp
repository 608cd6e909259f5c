// A hundred pools of ten ranks at one coordinator: what goes through it, what a connection costs it in memory and a job
// in time, while one pool in twenty is lost on the way. The pools are pretended by another process over loopback; the
// coordinator, its sockets and its store are the real ones.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <list>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "db/read/store_reader.h"
#include "db/write/store.h"
#include "orchestrator/coordinator/coordinator.h"
#include "tests/orchestrator/coordinator/pretend_pool.h"
#include "tests/orchestrator/noop_graph.h"

namespace espalier {
namespace {

namespace asio = boost::asio;

/// All the pools, in one thread of a process of their own. Every twentieth breaks off after a while, and another joins
/// in its place.
class Pools {
 public:
  Pools(const StorePaths& store, int ranks, int lose_after_jobs)
      : where_(wait_for_coordinator(store)), ranks_(ranks), lose_after_jobs_(lose_after_jobs) {}

  void run(int pools) {
    for (int i = 0; i < pools; ++i) start(i % 20 == 7 ? lose_after_jobs_ : -1);
    io_.run();
  }

 private:
  void start(int lose_after_jobs) {
    PretendLife& life = lives_.emplace_back();
    asio::co_spawn(io_, be_a_pool(where_, {ranks_, lose_after_jobs, 0, ""}, &life), [this, &life](std::exception_ptr) {
      if (life.end == "lost") start(-1);
    });
  }

  asio::io_context io_{1};
  CoordinatorAddress where_;
  const int ranks_, lose_after_jobs_;
  std::list<PretendLife> lives_;  // coroutines hold pointers into it
};

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double pages = 0;
  in >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int run(int jobs, int pools, int ranks) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("espalier_bench_pools_{}", ::getpid());
  std::filesystem::remove_all(folder);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      Pools(StorePaths{folder}, ranks, jobs / pools / 2).run(pools);
    } catch (const std::exception& error) {
      std::cerr << "pools: " << error.what() << "\n";
      ::_exit(1);
    }
    ::_exit(0);
  }
  const StageGraph graph = noop_graph(jobs);
  Store store(folder);
  log_to_file(store.paths().logs() / "bench.log", "bench");
  store.record_sweep("noop", "", {}, graph);
  Core core({store.generation()});
  core.add_sweep({1, "noop", graph, std::vector<bool>(graph.stages.size(), false)}, 0);
  std::ostringstream unseen;
  ProgressLine progress(unseen, false);
  CoordinatorOptions options;
  options.return_limit = std::chrono::milliseconds(1000);
  Coordinator coordinator(store, core, options, progress);
  const double memory = resident_bytes();
  const double cpu = cpu_seconds();
  coordinator.run();
  const double used = cpu_seconds() - cpu;
  const double grown = resident_bytes() - memory;
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::vector<bool> done = StoreReader(folder).done_stages(graph);
  const auto finished = std::count(done.begin(), done.end(), true);
  std::filesystem::remove_all(folder);
  std::cout << fmt::format(
      "{} jobs on {} pools of {} ranks, {} pools lost: {} done, {:.2f} s, {:.0f} jobs/s, {:.1f} us of the "
      "coordinator's CPU a job, {:.0f} KB of its memory a pool at most\n",
      jobs, pools, ranks, (pools + 12) / 20, finished, coordinator.busy_s(), jobs / coordinator.busy_s(),
      1e6 * used / jobs, grown / 1e3 / pools);
  return finished == jobs && status == 0 ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  try {
    return espalier::run(argc > 1 ? std::atoi(argv[1]) : 100000, argc > 2 ? std::atoi(argv[2]) : 100,
                         argc > 3 ? std::atoi(argv[3]) : 10);
  } catch (const espalier::Error& error) {
    std::cerr << "bench_pools: " << error.what() << "\n";
    return 1;
  }
}
