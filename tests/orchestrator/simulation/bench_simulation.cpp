// How long a sweep of 100,000 trials takes in virtual time, and what each event costs the core: with every rank of
// 1,024 busy, with most of 10,000 idle, and with pools that die. Run by hand: bin/bench_simulation
#include <cstdio>

#include "orchestrator/simulation/simulation.h"
#include "orchestrator/simulation/stage_durations.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

void measure(const StageGraph& graph, const std::vector<double>& seconds, int pools, double losses_per_hour) {
  SimulationSettings settings;
  settings.pools = pools;
  settings.ranks = 16;
  settings.losses_per_hour = losses_per_hour;
  const SimulationReport report = simulate(graph, seconds, settings);
  std::printf(
      "%4d pools of 16 ranks, %2.0f %% lost an hour: makespan %.3f times the bound, utilisation %4.1f %%; "
      "%lld events, %5.2f us each in the core, %.2f s of wall time\n",
      pools, 100 * losses_per_hour, report.ratio(), 100 * report.utilisation(), static_cast<long long>(report.events),
      1e6 * report.load.core_s / static_cast<double>(report.events), report.load.wall_s);
}

}  // namespace
}  // namespace espalier

int main() {
  using namespace espalier;
  const LoadedSweep sweep =
      load_sweep(ESPALIER_SOURCE_DIR "/experiments/sweeps/million-trials.yaml", {"seeds=1000"}, data_folder(""));
  const std::vector<double> seconds = draw_stage_durations(sweep.graph, {kAssumedSecondsPerCost, 0.3}, 0);
  measure(sweep.graph, seconds, 64, 0);
  measure(sweep.graph, seconds, 64, 0.01);
  measure(sweep.graph, seconds, 625, 0);
  measure(sweep.graph, seconds, 625, 0.1);
}
