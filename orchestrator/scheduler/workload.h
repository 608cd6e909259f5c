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
  std::vector<bool> failed = {};  ///< likewise, or empty: quarantined before, and not to be retried
  FailurePolicy policy = {};
  Resources resources = {};
  int priority = 0;  ///< higher goes first
  bool paused = false;
  DataFolder data = {};                  ///< where its datasets lie; "" for the coordinator's own
  std::vector<OpenCharge> charges = {};  ///< of earlier runs, that count; indices are the graph's
};

/// The sweeps that run together: one graph with equal stages merged, and which sweeps need which stages. Pure
/// bookkeeping.
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
    std::vector<StageIndex> results;          ///< its targets
    std::size_t settled = 0;                  ///< number of results, from the front, that have their outcome
    std::int64_t quarantined = 0;
    /// Trial counts when it ended.
    struct Outcome {
      std::int64_t done = 0, failed = 0, blocked = 0;
    };
    std::optional<Outcome> outcome;
  };

  /// Returns the new indices of its graph's stages. Replaces an ended sweep of the same id.
  std::vector<StageIndex> add(SweepToRun& sweep);

  const StageGraph& graph() const { return graph_; }
  std::optional<StageIndex> find(const StageKey& key) const;
  std::vector<Sweep>& sweeps() { return sweeps_; }
  const std::vector<Sweep>& sweeps() const { return sweeps_; }
  /// Null if no active sweep has this id.
  Sweep* find_active(SweepId id);
  /// The first active sweep that needs the stage: its policy and resources apply. If none needs it any more, the last
  /// one that did.
  Sweep& owner(StageIndex stage);
  const Sweep& owner(StageIndex stage) const;

  /// Of all active sweeps.
  std::vector<Target> targets() const;
  /// Recomputes the owner of each stage. Parallel to the graph's stages: stages of one group have one demand.
  std::vector<StageGroup> groups();
  /// The active sweeps with a result that is this stage or needs it.
  std::vector<Sweep*> wanted_by(StageIndex stage);
  /// How many stages no active sweep needs, as of the last groups().
  std::size_t unneeded() const { return unneeded_; }
  /// Drops them and the trials of ended sweeps, but not the `kept` stages (parallel to the stages) nor what these need.
  /// Call groups() next.
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
