// How long it takes from `espalier pool slurm` to the first job that runs, on an emulated Slurm with idle nodes.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/e2e/slurm_cluster.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

void wait_until(const auto& true_now) {
  const auto begun = Clock::now();
  while (!true_now()) {
    if (seconds_since(begun) > 60) throw std::runtime_error("nothing happened within 60 s");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

struct Times {
  double submitted = 0, first_job = 0;
};

Times measure(const SlurmCluster& cluster, const std::filesystem::path& folder) {
  const std::string store = (folder / "store").string();
  std::ofstream(folder / "sweep.yaml") << "sweep: bench\ndataset: {name: glyphs, train: 1500, validation: 300, test: "
                                          "500}\nmodel: lenet-300-100\nseeds: 20\ntrain: {optimizer: adam, lr: 1.2e-3, "
                                          "batch_size: 60, epochs: 20}\nprune: {method: magnitude, sparsity: 0.9}\n";
  Program coordinator(
      espalier_command({"run", (folder / "sweep.yaml").string(), "--store", store, "--workers", "0", "--quiet"}));
  wait_until([&] { return std::filesystem::exists(store + "/connection.json"); });
  const auto begun = Clock::now();
  const ProgramEnd pool = espalier({"pool", "slurm", "--store", store, "--time", "10"}, cluster.environment());
  if (pool.exit_code != 0) throw std::runtime_error(pool.err);
  const double submitted = seconds_since(begun);
  wait_until([&] {
    const ProgramEnd jobs = espalier({"ps", "--store", store, "--json"});
    return jobs.exit_code == 0 && !nlohmann::json::parse(jobs.out).at("jobs").empty();
  });
  const Times times{submitted, seconds_since(begun)};
  coordinator.signal(SIGINT);
  coordinator.wait(60);
  wait_until([&] { return cluster.ask({"squeue", "--noheader"}).empty(); });
  return times;
}

int run() {
  if (const std::string missing = SlurmCluster::missing(); !missing.empty()) {
    std::cout << "a pool by Slurm: not measured, missing: " << missing << "\n";
    return 0;
  }
  constexpr int kRepeats = 3;
  const SlurmCluster cluster;
  std::vector<double> seconds;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("espalier_bench_slurm_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const Times times = measure(cluster, folder);
    std::filesystem::remove_all(folder);
    std::cout << "a pool by Slurm: submitted after " << times.submitted << " s, first job runs after "
              << times.first_job << " s" << std::endl;
    seconds.push_back(times.first_job);
  }
  std::sort(seconds.begin(), seconds.end());
  std::cout << "median " << seconds[seconds.size() / 2] << " s\n";
  return 0;
}

}  // namespace
}  // namespace espalier

int main() {
  try {
    return espalier::run();
  } catch (const std::exception& error) {
    std::cerr << "bench_pool_slurm: " << error.what() << "\n";
    return 1;
  }
}
