#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <variant>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "orchestrator/scheduler/ids.h"
#include "orchestrator/simulation/event_queue.h"

namespace espalier {

// What happens in a simulation. Words travel for a while between the coordinator and a rank, in either direction.

// Events for the coordinator.
struct PoolJoins {
  PoolId pool;
};
struct StageIsReached {
  PoolId pool;
  int rank;
  std::uint64_t attempt;
  StageIndex stage;
};
struct AttemptEnds {
  PoolId pool;
  int rank;
  std::uint64_t attempt;
  bool interrupted, started;
};
struct PoolFallsSilent {
  PoolId pool;
};
struct PoolIsGivenUp {
  PoolId pool;
};
struct PoolHasLeft {
  PoolId pool;
};
// Events for a rank.
struct JobArrives {
  PoolId pool;
  int rank;
  std::uint64_t attempt;
  std::vector<StageIndex> stages;
  std::vector<int> gang;  ///< the ranks that run it together, `rank` among them
};
struct StopArrives {
  PoolId pool;
  int rank;
  std::uint64_t attempt;
};
struct LeaveArrives {
  PoolId pool;
};
struct StageEnds {
  PoolId pool;
  int rank;
  std::uint64_t attempt;
  StageIndex stage;
};
// What happens to pools.
struct PoolStarts {};
struct PoolDies {
  PoolId pool;
};
using VirtualEvent = std::variant<PoolJoins, StageIsReached, AttemptEnds, PoolFallsSilent, PoolIsGivenUp, PoolHasLeft,
                                  JobArrives, StopArrives, LeaveArrives, StageEnds, PoolStarts, PoolDies>;

struct SimulationSettings {
  int pools = 1;
  int ranks = 1;               ///< of each pool
  double losses_per_hour = 0;  ///< the fraction of the pools that dies in an hour; when is exponentially distributed
  double rejoin_s = 300;       ///< from the death of a pool until another takes its place
  double silence_s = 30;       ///< from the death of a pool until the coordinator gives it up
  double checkpoint_every_s = 10;
  double latency_s = 0.001;  ///< of a word between the coordinator and a rank
  std::uint64_t seed = 0;
};

/// Pools of ranks that let virtual time pass instead of working, as worker ranks would: a job's stages run one after
/// the other, a stage's outcome is reported when it is reached, and a training that is interrupted goes on where it
/// was, one whose pool died from its last checkpoint. Whatever a job asks for but ranks is there. Pure.
class VirtualPools {
 public:
  /// All must outlive it; `seconds` is parallel to graph.stages: on as many ranks as the stage asks for.
  VirtualPools(const StageGraph& graph, const std::vector<double>& seconds, const SimulationSettings& settings,
               EventQueue<VirtualEvent>& events)
      : graph_(graph), seconds_(seconds), settings_(settings), events_(events) {}

  // Each handles the event of that name, at its time. Words to a pool that has gone are lost.
  void on(const PoolStarts&, double now);
  void on(const PoolDies& death, double now);
  void on(JobArrives job, double now);
  void on(const StopArrives& stop, double now);
  void on(const LeaveArrives& leave, double now);
  void on(const StageEnds& end, double now);

  std::int64_t deaths() const { return deaths_; }
  /// Seconds of all ranks together: spent on stages, and of these on what died with a pool and was not checkpointed.
  double computed_s() const { return computed_s_; }
  double wasted_s() const { return wasted_s_; }

 private:
  struct HeldJob {
    std::uint64_t attempt;
    std::vector<StageIndex> stages;  ///< none: another rank leads
    std::vector<int> gang;
    std::size_t at = 0;  ///< the present stage
  };
  struct VirtualRank {
    std::deque<HeldJob> jobs;  ///< the first runs
    double began = 0;          ///< its present stage
  };
  using Ranks = std::vector<VirtualRank>;

  VirtualRank* find(PoolId pool, int rank);
  void begin_stage(PoolId pool, int rank, double now);
  void interrupt_running(VirtualRank& rank, double now, bool at_checkpoint_only);
  void end_job(PoolId pool, int rank, HeldJob job, bool interrupted, bool started, double now);

  const StageGraph& graph_;
  const std::vector<double>& seconds_;
  const SimulationSettings& settings_;
  EventQueue<VirtualEvent>& events_;
  std::unordered_map<PoolId, Ranks> pools_;
  std::unordered_map<StageIndex, double> behind_;  ///< seconds of interrupted trainings that are checkpointed
  PoolId next_pool_ = 1;
  std::int64_t deaths_ = 0;
  double computed_s_ = 0, wasted_s_ = 0;
};

}  // namespace espalier
