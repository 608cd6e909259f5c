#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "orchestrator/scheduler/renumbering.h"

namespace espalier {

enum class StageState : std::uint8_t {
  unneeded,  ///< no unfinished trial depends on it
  waiting,   ///< for inputs
  ready,     ///< could be handed out now
  taken,     ///< part of a job that was handed out
  done,
  failed,
  blocked  ///< an input failed
};

/// Stages that may share a job: those with the same demand. The core gives groups their meaning.
using StageGroup = std::uint16_t;

/// A target stage and its priority. A stage inherits the highest urgency of the targets that need it.
struct Target {
  static constexpr int kHeld = std::numeric_limits<int>::min() + 1;  ///< needed, but not handed out (paused)
  StageIndex stage = 0;
  int urgency = 0;
};

/// Which stages are needed and which are ready: the graph without what is done. Pure; no clock, no pools.
///
/// A job is a chain of stages of one group, each needing the one before it, at most one of them a training: prune,
/// train, evaluate; or init, train, evaluate. Its tensors stay in the rank's memory. Other stages that need one of its
/// stages become ready as soon as that stage is reached.
class Plan {
 public:
  /// No targets, and no stage is done or failed. The graph may grow; it must outlive the plan.
  explicit Plan(const StageGraph& graph);
  /// Targets are all trials of the graph, or all stages of a graph without trials. `done` is parallel to graph.stages,
  /// and so is `failed` (empty: none): stages that were quarantined before.
  Plan(const StageGraph& graph, const std::vector<bool>& done, const std::vector<bool>& failed = {});

  /// The targets of trials: their results, and those of the dense networks they are compared with.
  static void add_targets(std::span<const TrialStages> trials, int urgency, std::vector<Target>& targets);

  /// Sets a stage's state from the store; takes effect at the next replan.
  void set_done(StageIndex stage);
  void set_failed(StageIndex stage);
  /// The stage had failed and is to be retried.
  void forgive(StageIndex stage);
  /// The graph has dropped stages; call replan next.
  void renumber(const Renumbering& to);
  /// Recomputes all states and urgencies in one pass over the graph. `groups` is parallel to the graph's stages; empty:
  /// all in group 0. Stages that are taken and still needed stay taken.
  void replan(const std::vector<Target>& targets, std::vector<StageGroup> groups = {});

  /// The most urgent ready stage that is in none of these groups, and not `avoided`; ties by the longest critical path,
  /// then by key: the same order on every run. None if nothing is ready.
  std::optional<StageIndex> most_urgent(const std::set<StageGroup>& without = {},
                                        const std::set<StageIndex>& avoided = {}) const;
  /// The most urgent ready stage of that group that is not `avoided`.
  std::optional<StageIndex> most_urgent_of(StageGroup group, const std::set<StageIndex>& avoided = {}) const;
  /// The job that begins with this stage; none if it is not ready. Leaves out stages in `avoided`.
  std::optional<std::vector<StageIndex>> take_job_from(StageIndex first, const std::set<StageIndex>& avoided = {});
  /// Takes exactly these if each could be part of a job now: a rank that was considered lost holds them already.
  bool take_again(const std::vector<StageIndex>& stages);
  /// Returns the unreached stages of a job: they can be handed out again.
  void give_back(const std::vector<StageIndex>& stages);
  /// Also for a stage that had failed or was blocked: another attempt may have succeeded.
  void on_done(StageIndex stage);
  /// Blocks its dependents.
  void on_failed(StageIndex stage);
  /// A stage that was done has failed after all; blocks its dependents that are not done.
  void revoke(StageIndex stage);
  /// A done or unneeded stage has to be computed: its artifact is missing or damaged. Its dependents wait, and its
  /// missing inputs are computed too.
  void reopen(StageIndex stage);

  StageState state(StageIndex stage) const { return states_[stage]; }
  /// The highest of the targets that need it.
  int urgency(StageIndex stage) const { return urgency_[stage]; }
  std::size_t groups() const { return ready_.size(); }
  StageGroup group(StageIndex stage) const { return groups_.empty() ? StageGroup{0} : groups_[stage]; }
  /// It is needed, and neither done, nor failed, nor blocked.
  bool is_open(StageIndex stage) const;
  /// Every one of its inputs is done.
  bool has_its_inputs(StageIndex stage) const { return inputs_done_or_in(stage, {}); }
  /// All its targets are held (paused).
  bool is_held(StageIndex stage) const { return urgency_[stage] == Target::kHeld; }
  /// It could be handed out now: ready and not held.
  bool is_available(StageIndex stage) const { return states_[stage] == StageState::ready && !is_held(stage); }
  /// Nothing is ready, taken or waiting any more.
  bool finished() const { return open_ == 0; }
  bool has_ready() const;
  /// How many stages could be handed out now.
  std::int64_t ready_count() const;
  /// The same per group.
  std::vector<std::int64_t> ready_counts() const;
  std::int64_t failed_count() const { return failed_; }
  std::int64_t blocked_count() const { return blocked_; }
  /// Stages that are waiting, ready or taken.
  std::int64_t open_count() const { return open_; }
  /// Predicted work (Stage::cost) of the needed stages that are not done, and of the longest chain among them.
  double remaining_cost() const { return remaining_cost_; }
  double critical_path_cost() const;

 private:
  static constexpr int kUnwanted = std::numeric_limits<int>::min();
  struct ByPriority {
    const Plan* plan;
    bool operator()(StageIndex a, StageIndex b) const;
  };
  using ReadySet = std::set<StageIndex, ByPriority>;

  void find_urgencies();
  void find_states();
  void link_dependents();
  void find_critical_paths();
  bool has_unattainable_input(StageIndex stage) const;
  bool inputs_done_or_in(StageIndex stage, const std::vector<StageIndex>& chain) const;
  std::optional<StageIndex> next_in_chain(const std::vector<StageIndex>& chain,
                                          const std::set<StageIndex>& avoided) const;
  void take(StageIndex stage);
  std::vector<StageIndex> take_chain(StageIndex first, const std::set<StageIndex>& avoided);
  void make_ready_if_possible(StageIndex stage);
  void leave_ready(StageIndex stage);
  void close(StageIndex stage, StageState state);
  void block_dependents(StageIndex stage);
  std::span<const StageIndex> dependents(StageIndex stage) const;

  const StageGraph& graph_;
  std::vector<Target> targets_;
  std::vector<StageGroup> groups_;
  std::vector<StageState> states_;
  std::vector<int> urgency_;                   ///< kUnwanted, Target::kHeld, or the highest of the targets that need it
  std::vector<std::uint32_t> missing_inputs_;  ///< of open stages
  std::vector<double> to_end_;                 ///< cost of the longest chain that begins with the stage
  std::vector<std::uint32_t>
      first_dependent_;                 ///< where a stage's dependents begin in dependents_; one more at the end
  std::vector<StageIndex> dependents_;  ///< the open stages that need it
  std::vector<ReadySet> ready_;         ///< by group; without those that are held
  std::int64_t open_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t blocked_ = 0;
  double remaining_cost_ = 0;
};

}  // namespace espalier
