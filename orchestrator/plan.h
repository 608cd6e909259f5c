#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "experiments/stage_graph.h"

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

/// What is wanted and what is ready: the graph, minus what is done. Pure; no clock, no pools.
///
/// A job is a chain of stages, each needing the one before it, at most one of them a training: prune, train, evaluate;
/// or init, train, evaluate. Its tensors stay in the rank's memory, and whatever else waits for one of its stages is
/// released as soon as that stage is reached.
class Plan {
 public:
  /// `done` is parallel to graph.stages, and so is `failed` (empty: none): stages that were given up before.
  Plan(const StageGraph& graph, const std::vector<bool>& done, const std::vector<bool>& failed = {});

  /// The ready job with the longest critical path, ties by key: the same order on every run. None if nothing is ready.
  /// Stages in `avoided` are left for another time.
  std::optional<std::vector<StageIndex>> take_job(const std::set<StageIndex>& avoided = {});
  /// The job that begins with this stage; none if it is not ready.
  std::optional<std::vector<StageIndex>> take_job_from(StageIndex first, const std::set<StageIndex>& avoided = {});
  /// Takes exactly these, if each could be part of a job now: a rank that was thought lost has them already.
  bool take_again(const std::vector<StageIndex>& stages);
  /// Stages of a job that were not reached: they can be handed out again.
  void give_back(const std::vector<StageIndex>& stages);
  void on_done(StageIndex stage);
  /// Blocks whatever depends on it.
  void on_failed(StageIndex stage);
  /// A stage that was done, or not needed so far, has to be done: its artifact is missing or damaged. What needs it
  /// waits, and so do its own inputs where they are not there.
  void reopen(StageIndex stage);

  StageState state(StageIndex stage) const { return states_[stage]; }
  /// Nothing is ready, taken or waiting any more.
  bool finished() const { return open_ == 0; }
  bool has_ready() const { return !ready_.empty(); }
  std::int64_t failed_count() const { return failed_; }
  std::int64_t blocked_count() const { return blocked_; }
  /// Stages that are waiting, ready or taken.
  std::int64_t open_count() const { return open_; }
  /// Predicted work (Stage::cost) of the needed stages that are not done, and of the longest chain among them.
  double remaining_cost() const { return remaining_cost_; }
  double critical_path_cost() const;

 private:
  struct ByPriority {
    const Plan* plan;
    bool operator()(StageIndex a, StageIndex b) const;
  };

  void find_needed(const std::vector<bool>& done);
  void find_critical_paths();
  bool inputs_done_or_in(StageIndex stage, const std::vector<StageIndex>& chain) const;
  std::optional<StageIndex> next_in_chain(const std::vector<StageIndex>& chain,
                                          const std::set<StageIndex>& avoided) const;
  void take(StageIndex stage);
  std::vector<StageIndex> take_chain(StageIndex first, const std::set<StageIndex>& avoided);
  void make_ready_if_possible(StageIndex stage);
  void join_graph(StageIndex stage);
  void block_dependents(StageIndex stage);

  const StageGraph& graph_;
  std::vector<StageState> states_;
  std::vector<std::vector<StageIndex>> dependents_;
  std::vector<std::uint32_t> missing_inputs_;
  std::vector<double> to_end_;  ///< cost of the longest chain that begins with the stage
  std::set<StageIndex, ByPriority> ready_;
  std::int64_t open_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t blocked_ = 0;
  double remaining_cost_ = 0;
};

}  // namespace espalier
