#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "orchestrator/scheduler/core.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {

/// A core with pretend pools: every test ends by proving that nothing else was said.
class CoreStory {
 public:
  CoreStory(const GraphStory& graph, const std::vector<std::string>& done) : CoreStory(graph, done, FailurePolicy()) {}
  CoreStory(const GraphStory& graph, const std::vector<std::string>& done, const FailurePolicy& policy)
      : graph_(graph), core_({3}) {
    SweepToRun sweep{1, "story", graph.graph(), graph.done(done)};
    sweep.policy = policy;
    check(core_.add_sweep(std::move(sweep), now_));
  }

  void pool_joins(PoolId pool, int ranks, const std::string& host = "node") {
    check(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_));
    for (int rank = 0; rank < ranks; ++rank) check(core_.on_rank_ready(pool, rank, {1, host}, {}, now_));
  }
  /// With what each of its ranks still holds.
  void pool_returns(PoolId pool, const std::vector<std::vector<std::uint64_t>>& held) {
    check(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), static_cast<int>(held.size()), now_));
    for (int rank = 0; rank < static_cast<int>(held.size()); ++rank)
      check(core_.on_rank_ready(pool, rank, {1, "node"}, held[static_cast<std::size_t>(rank)], now_));
  }
  void pool_falls_silent(PoolId pool) { check(core_.on_pool_silent(pool, now_)); }
  void time_passes(double seconds) {
    now_ += seconds;
    check(core_.on_tick(now_));
  }
  /// The same attempt number at a rank that may not be the one it was sent to.
  void receive_outcome(PoolId pool, int rank, std::uint64_t attempt, const std::string& stage) {
    StageOutcome outcome;
    outcome.key = graph_.key(stage);
    outcome.attempt = attempt;
    check(core_.on_stage_reached(pool, rank, outcome, now_));
  }
  void reach(std::uint64_t attempt, const std::string& stage, std::optional<Failure> failure = {},
             std::vector<std::string> warnings = {}) {
    StageOutcome outcome;
    outcome.warnings = std::move(warnings);
    outcome.key = graph_.key(stage);
    outcome.attempt = attempt;
    outcome.failure = std::move(failure);
    const auto& [pool, rank] = where_.at(attempt);
    check(core_.on_stage_reached(pool, rank, outcome, now_));
  }
  void end(std::uint64_t attempt, bool interrupted = false) {
    const auto& [pool, rank] = where_.at(attempt);
    check(core_.on_job_ended(pool, rank, {attempt, interrupted, true, true, LossCause::preempted}, now_));
  }
  void interrupt(std::uint64_t attempt, bool progressed) {
    const auto& [pool, rank] = where_.at(attempt);
    check(core_.on_job_ended(pool, rank, {attempt, true, true, progressed, LossCause::preempted}, now_));
  }
  /// Reaches every stage of the attempt, and ends it a second later.
  void complete(std::uint64_t attempt) {
    now_ += 1;
    for (const std::string& stage : stages_.at(attempt)) reach(attempt, stage);
    end(attempt);
  }
  void pool_dies(PoolId pool, bool expected = false) {
    check(core_.on_pool_lost(
        pool, {expected ? LossCause::preempted : LossCause::signal, "killed by signal 9", {}, {}, {}, {}}, now_));
  }
  /// This rank left a note.
  void rank_dies(PoolId pool, int rank, LossCause cause = LossCause::signal) {
    PoolEnd end{LossCause::signal, "a rank died", 11, std::nullopt, {}, {}};
    end.culprits.push_back({rank, 0, cause, 11, "Segmentation fault", "main+0x1"});
    check(core_.on_pool_lost(pool, end, now_));
  }
  void pause(const std::string& why) { check(core_.pause(why)); }
  void resume() { check(core_.resume(now_)); }
  void stop() { check(core_.stop(now_)); }

  /// The attempt that was sent to the rank with these stages; fails the test if none was, or if the rank was to share
  /// it with others, or to have the pool to itself unless it is `alone`.
  std::uint64_t expect_job(PoolId pool, int rank, const std::string& stages, bool alone = false) {
    for (auto it = sent_.begin(); it != sent_.end(); ++it) {
      if (it->pool != pool || it->rank != rank || names(it->job) != stages) continue;
      const std::uint64_t attempt = it->job.attempt;
      EXPECT_EQ(it->alone, alone) << stages;
      EXPECT_TRUE(it->gang.empty()) << stages;
      sent_.erase(it);
      return attempt;
    }
    ADD_FAILURE() << "no job [" << stages << "] for rank " << rank << " of pool " << pool;
    return 0;
  }
  std::uint64_t expect_recall() {
    if (recalled_.empty()) {
      ADD_FAILURE() << "nothing was taken back";
      return 0;
    }
    const std::uint64_t attempt = recalled_.front();
    recalled_.erase(recalled_.begin());
    return attempt;
  }
  void expect_dismissed(PoolId pool) {
    const auto found = std::find(dismissed_.begin(), dismissed_.end(), pool);
    ASSERT_NE(found, dismissed_.end()) << "pool " << pool << " was not dismissed";
    dismissed_.erase(found);
  }
  void expect_notice(const std::string& part) {
    ASSERT_FALSE(notices_.empty()) << "nothing was said";
    EXPECT_NE(notices_.front().find(part), std::string::npos) << notices_.front();
    notices_.erase(notices_.begin());
  }
  void expect_quiet() {
    EXPECT_TRUE(recalled_.empty() && dismissed_.empty() && notices_.empty());
    for (const SendJob& send : sent_) ADD_FAILURE() << "unexpected job [" << names(send.job) << "]";
  }
  std::vector<std::string> recorded_ends;
  std::vector<FailureCharged> charges;
  std::vector<std::string> reopened;
  Core& core() { return core_; }

 private:
  std::string names(const Job& job) {
    std::vector<StageIndex> stages;
    for (const JobStage& stage : job.stages) {
      for (StageIndex i = 0; i < graph_.graph().stages.size(); ++i) {
        if (graph_.graph().stages[i].key == stage.key) stages.push_back(i);
      }
    }
    return graph_.names(stages);
  }
  void check(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const SendJob* send = std::get_if<SendJob>(&effect)) {
        sent_.push_back(*send);
        where_[send->job.attempt] = {send->pool, send->rank};
        for (const JobStage& stage : send->job.stages) stages_[send->job.attempt].push_back(label(stage.key));
      } else if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
        recalled_.push_back(stop->attempt);
      } else if (const DismissPool* dismiss = std::get_if<DismissPool>(&effect)) {
        dismissed_.push_back(dismiss->pool);
      } else if (const Notice* tell = std::get_if<Notice>(&effect)) {
        notices_.push_back(tell->text);
      } else if (const Record* record = std::get_if<Record>(&effect)) {
        if (const AttemptEnded* ended = std::get_if<AttemptEnded>(&record->change)) recorded_ends.push_back(ended->how);
        if (const FailureCharged* charged = std::get_if<FailureCharged>(&record->change)) charges.push_back(*charged);
        if (const StageReopened* again = std::get_if<StageReopened>(&record->change))
          reopened.push_back(label(again->stage));
      }
    }
  }
  std::string label(const StageKey& key) {
    for (const Stage& stage : graph_.graph().stages) {
      if (stage.key == key) return stage.label;
    }
    return "";
  }

  const GraphStory& graph_;
  Core core_;
  Now now_ = 1000;
  std::vector<SendJob> sent_;
  std::vector<std::uint64_t> recalled_;
  std::vector<PoolId> dismissed_;
  std::vector<std::string> notices_;
  std::map<std::uint64_t, std::pair<PoolId, int>> where_;
  std::map<std::uint64_t, std::vector<std::string>> stages_;
};

inline GraphStory noops(int count) {
  GraphStory story;
  for (int i = 0; i < count; ++i)
    story.add("n" + std::to_string(i), StageKind::noop, {}, count - i).result("n" + std::to_string(i));
  return story;
}

}  // namespace espalier
