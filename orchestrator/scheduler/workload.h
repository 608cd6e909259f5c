#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/write/changes.h"
#include "experiments/datasets/dataset.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/spec/failure_policy.h"
#include "experiments/spec/resources.h"
#include "orchestrator/scheduler/demand.h"
#include "orchestrator/scheduler/plan.h"
#include "orchestrator/scheduler/renumbering.h"
#include "orchestrator/scheduler/sweep_status.h"

namespace espalier {

/// A sweep as the core takes it in.
struct SweepToRun {
  SweepId id = 0;
  std::string name;
  StageGraph graph;
  std::vector<bool> done;         ///< parallel to the graph's stages
  std::vector<bool> failed = {};  ///< likewise, or empty: given up before, and not to be tried
  FailurePolicy policy = {};
  Resources resources = {};
  int priority = 0;  ///< higher goes first
  bool paused = false;
  DataFolder data = {};                  ///< where its datasets lie; "" for the coordinator's own
  std::vector<OpenCharge> charges = {};  ///< of earlier runs, that count; indices are the graph's
};

/// The sweeps that are run together: one graph with equal stages merged, and who wants which of them. Pure bookkeeping.
class Workload {
 public:
  struct Sweep {
    SweepId id = 0;
    std::string name;
    FailurePolicy policy;
    Resources resources;
    int priority = 0;
    bool paused = false;
    std::optional<SweepEnd> end;
    std::size_t first_trial = 0, trials = 0;  ///< in the graph's trials
    std::vector<StageIndex> results;          ///< what it wants
    std::size_t settled = 0;                  ///< so many of those from the front have their outcome
    std::int64_t quarantined = 0;
    /// How far its trials were when it ended.
    struct Outcome {
      std::int64_t done = 0, failed = 0, blocked = 0;
    };
    std::optional<Outcome> outcome;
  };

  /// Returns where the stages of its graph are now. A sweep that ended before under the same id is replaced.
  std::vector<StageIndex> add(SweepToRun& sweep);

  const StageGraph& graph() const { return graph_; }
  std::optional<StageIndex> find(const StageKey& key) const;
  std::vector<Sweep>& sweeps() { return sweeps_; }
  const std::vector<Sweep>& sweeps() const { return sweeps_; }
  /// Null if there is none that has not ended.
  Sweep* find_active(SweepId id);
  /// The first sweep that wants the stage and has not ended: its policy and its resources hold for it. The last that
  /// did, if nobody wants it any more.
  Sweep& owner(StageIndex stage);
  const Sweep& owner(StageIndex stage) const;

  /// Of all sweeps that have not ended.
  std::vector<Target> targets() const;
  /// Works out anew who owns which stage. Parallel to the graph's stages: stages of one group have one demand.
  std::vector<StageGroup> groups();
  /// The sweeps that have not ended and have a result that is this stage or needs it.
  std::vector<Sweep*> wanted_by(StageIndex stage);
  /// How many stages no sweep that has not ended needs, as of the last groups().
  std::size_t unneeded() const { return unneeded_; }
  /// Forgets them, but not those that are `kept` (parallel to the stages) nor what these need, and the trials of
  /// sweeps that have ended. groups() is to be called next.
  Renumbering forget(std::vector<bool> kept);
  const Demand& demand(StageGroup group) const { return demands_.at(group); }

 private:
  StageGraph graph_;
  std::unordered_map<StageKey, StageIndex> index_of_;
  std::vector<Sweep> sweeps_;
  void choose_owners();
  std::vector<SweepId> owners_;  ///< parallel to the stages
  std::vector<Demand> demands_{Demand{}};
  std::size_t unneeded_ = 0;
};

}  // namespace espalier
