#pragma once

#include <cstdint>
#include <vector>

#include "experiments/spec/failure_policy.h"
#include "orchestrator/simulation/virtual_pools.h"

namespace espalier {

/// What no schedule can beat.
struct MakespanBounds {
  double work_s = 0;           ///< of all stages that are needed, on all their ranks together
  double critical_path_s = 0;  ///< of the longest chain of stages that need each other
  /// Seconds that so many ranks take at least.
  double on_ranks(std::int64_t ranks) const;
};
MakespanBounds find_makespan_bounds(const StageGraph& graph, const std::vector<double>& seconds);

/// What a simulated run was like. The same for the same graph, durations and settings, but for `load`.
struct SimulationReport {
  std::int64_t ranks = 0;
  double makespan_s = 0;  ///< until the coordinator received the last outcome
  MakespanBounds bounds;
  double computed_s = 0;  ///< by all ranks together
  double wasted_s = 0;    ///< of that, what died with its pool
  double done_s = 0;      ///< what the stages that have outcomes take, on all their ranks together
  std::int64_t stages = 0, stages_failed = 0;
  bool stopped = false;     ///< more jobs failed than the sweep puts up with
  std::int64_t jobs = 0;    ///< handed out
  std::int64_t losses = 0;  ///< of pools
  std::int64_t events = 0;  ///< passed to the core
  struct Load {             ///< in real seconds of one processor, but for the first
    double wall_s = 0;      ///< of the simulation, by the clock on the wall
    double core_s = 0;      ///< deciding: in Plan and Core
    double prepare_s = 0;   ///< before the first event: Plan and Core from the graph
    double status_s = 0;    ///< of one status query
  } load;

  double lower_bound_s() const { return bounds.on_ranks(ranks); }
  /// Every stage has its outcome. Otherwise the makespan is that of a part, and comparing it means nothing.
  bool complete() const { return stages_failed == 0 && !stopped; }
  /// Makespan over its lower bound: at least 1, if complete.
  double ratio() const { return makespan_s / lower_bound_s(); }
  /// The fraction of the ranks' time that went into outcomes.
  double utilisation() const { return done_s / (makespan_s * static_cast<double>(ranks)); }
};

/// Runs the graph through the coordinator's own Core against virtual pools and virtual time: no socket, no disk, no
/// thread. `seconds` is parallel to graph.stages: on as many ranks as the stage asks for. A pool that dies is charged
/// to what it ran, as `policy` says.
/// Errors: ErrorKind::invalid_input if it asks for more ranks than a pool has; ErrorKind::internal if the core leaves
/// work undone.
SimulationReport simulate(StageGraph graph, const std::vector<double>& seconds, const SimulationSettings& settings,
                          const FailurePolicy& policy = {});

}  // namespace espalier
