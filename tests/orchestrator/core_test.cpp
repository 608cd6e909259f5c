#include "orchestrator/core.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/graph_story.h"

namespace espalier {
namespace {

/// A core with pretend pools: every test ends by proving that nothing else was said.
class CoreStory {
 public:
  CoreStory(const GraphStory& graph, const std::vector<std::string>& done)
      : graph_(graph), core_(graph.graph(), graph.done(done), 3) {}

  void pool_joins(PoolId pool, int ranks) {
    hear(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_));
    for (int rank = 0; rank < ranks; ++rank) hear(core_.on_rank_ready(pool, rank, 1, now_));
  }
  void reach(std::uint64_t attempt, const std::string& stage, std::optional<Failure> failure = {},
             std::vector<std::string> warnings = {}) {
    StageOutcome outcome;
    outcome.warnings = std::move(warnings);
    outcome.key = graph_.key(stage);
    outcome.attempt = attempt;
    outcome.failure = std::move(failure);
    const auto& [pool, rank] = where_.at(attempt);
    hear(core_.on_stage_reached(pool, rank, outcome, now_));
  }
  void end(std::uint64_t attempt, bool interrupted = false) {
    const auto& [pool, rank] = where_.at(attempt);
    hear(core_.on_job_ended(pool, rank, attempt, interrupted, now_));
  }
  /// Reaches every stage of the attempt, and ends it a second later.
  void complete(std::uint64_t attempt) {
    now_ += 1;
    for (const std::string& stage : stages_.at(attempt)) reach(attempt, stage);
    end(attempt);
  }
  void pool_dies(PoolId pool, bool expected = false) {
    hear(core_.on_pool_lost(pool, expected, "killed by signal 9", now_));
  }
  void stop() { hear(core_.stop(now_)); }

  /// The attempt that was sent to the rank with these stages; fails the test if none was.
  std::uint64_t expect_job(PoolId pool, int rank, const std::string& stages) {
    for (auto it = sent_.begin(); it != sent_.end(); ++it) {
      if (it->pool != pool || it->rank != rank || names(it->job) != stages) continue;
      const std::uint64_t attempt = it->job.attempt;
      sent_.erase(it);
      return attempt;
    }
    ADD_FAILURE() << "no job [" << stages << "] for rank " << rank << " of pool " << pool;
    return 0;
  }
  std::uint64_t expect_recall() {
    if (recalled_.empty()) ADD_FAILURE() << "nothing was taken back";
    const std::uint64_t attempt = recalled_.empty() ? 0 : recalled_.back();
    recalled_.clear();
    return attempt;
  }
  void expect_dismissed(PoolId pool) {
    const auto found = std::find(dismissed_.begin(), dismissed_.end(), pool);
    ASSERT_NE(found, dismissed_.end()) << "pool " << pool << " was not dismissed";
    dismissed_.erase(found);
  }
  void expect_told(const std::string& part) {
    ASSERT_FALSE(told_.empty()) << "nothing was said";
    EXPECT_NE(told_.front().find(part), std::string::npos) << told_.front();
    told_.erase(told_.begin());
  }
  void expect_quiet() {
    EXPECT_TRUE(recalled_.empty() && dismissed_.empty() && told_.empty());
    for (const SendJob& send : sent_) ADD_FAILURE() << "unexpected job [" << names(send.job) << "]";
  }
  std::vector<std::string> recorded_ends;
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
  void hear(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const SendJob* send = std::get_if<SendJob>(&effect)) {
        sent_.push_back(*send);
        where_[send->job.attempt] = {send->pool, send->rank};
        for (const JobStage& stage : send->job.stages) stages_[send->job.attempt].push_back(label(stage.key));
      } else if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
        recalled_.push_back(stop->attempt);
      } else if (const DismissPool* dismiss = std::get_if<DismissPool>(&effect)) {
        dismissed_.push_back(dismiss->pool);
      } else if (const Tell* tell = std::get_if<Tell>(&effect)) {
        told_.push_back(tell->text);
      } else if (const Record* record = std::get_if<Record>(&effect)) {
        if (const AttemptEnded* ended = std::get_if<AttemptEnded>(&record->change)) recorded_ends.push_back(ended->how);
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
  std::vector<std::string> told_;
  std::map<std::uint64_t, std::pair<PoolId, int>> where_;
  std::map<std::uint64_t, std::vector<std::string>> stages_;
};

GraphStory noops(int count) {
  GraphStory story;
  for (int i = 0; i < count; ++i)
    story.add("n" + std::to_string(i), StageKind::noop, {}, count - i).result("n" + std::to_string(i));
  return story;
}

TEST(Core, RunsASweepToItsEndAndSendsEverybodyHome) {
  const GraphStory graph = GraphStory::dense_and_two_prunings();
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  story.complete(story.expect_job(1, 0, "init dense evaluate dense"));
  const std::uint64_t a = story.expect_job(1, 1, "prune a tune a evaluate a");
  const std::uint64_t b = story.expect_job(1, 0, "prune b tune b evaluate b");
  story.expect_quiet();
  story.complete(a);
  story.complete(b);
  story.expect_dismissed(1);
  EXPECT_TRUE(story.core().finished());
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.pool_dies(1, true);
  story.expect_quiet();
}

TEST(Core, OneJobWaitsBehindTheRunningOne) {
  const GraphStory graph = noops(5);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  const std::uint64_t first = story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");  // rank 1 was not there yet
  story.expect_job(1, 1, "n2");
  story.expect_job(1, 1, "n3");
  story.expect_quiet();
  story.complete(first);
  story.expect_job(1, 0, "n4");
  story.expect_quiet();
}

TEST(Core, AWaitingJobIsTakenBackForARankThatIsIdle) {
  const GraphStory graph = noops(2);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t running = story.expect_job(1, 0, "n0");
  const std::uint64_t waiting = story.expect_job(1, 0, "n1");
  story.pool_joins(2, 1);
  EXPECT_EQ(story.expect_recall(), waiting);
  story.expect_quiet();
  story.end(waiting, true);
  const std::uint64_t moved = story.expect_job(2, 0, "n1");
  story.expect_quiet();
  story.complete(running);
  story.complete(moved);
  story.expect_dismissed(1);
  story.expect_dismissed(2);
}

TEST(Core, ALostPoolLosesOnlyWhatItHeld) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n2");
  story.expect_job(2, 0, "n3");
  story.pool_dies(1);
  story.expect_quiet();
  EXPECT_EQ(story.recorded_ends, (std::vector<std::string>{"lost", "lost"}));
  story.pool_joins(3, 1);
  story.expect_job(3, 0, "n0");
  story.expect_job(3, 0, "n1");
  story.expect_quiet();
}

TEST(Core, AJobThatKillsThreePoolsIsGivenUpAndItsNeighbourIsNot) {
  const GraphStory graph = noops(2);
  CoreStory story(graph, {});
  for (PoolId pool = 1; pool <= 3; ++pool) {
    story.pool_joins(pool, 1);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");  // waits: not a suspect
    story.pool_dies(pool);
  }
  story.expect_told("lost 3 times");
  story.pool_joins(4, 1);
  story.complete(story.expect_job(4, 0, "n1"));
  story.expect_dismissed(4);
  EXPECT_EQ(story.core().status().trials_failed, 1);
  EXPECT_EQ(story.core().status().trials_done, 1);
  story.expect_quiet();
}

TEST(Core, NeighboursOfAKillerAreSuspectsOnceAndThenLeftAlone) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  // n0 kills whatever pool runs it; the others are in the middle of something long when it does.
  story.pool_joins(1, 2);
  story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.expect_job(1, 1, "n2");
  story.expect_job(1, 1, "n3");
  story.pool_dies(1);  // n0 and n2 ran: one of them did it
  story.pool_joins(2, 2);
  story.expect_job(2, 0, "n0");  // a suspect, so the suspect n2 waits outside its pool
  story.expect_job(2, 0, "n1");
  story.expect_job(2, 1, "n3");
  story.pool_dies(2);  // the one known suspect is charged; n3 was there too
  for (PoolId pool = 3; pool <= 4; ++pool) {
    story.pool_joins(pool, 2);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");
    story.expect_quiet();
    story.pool_dies(pool);
  }
  story.expect_told("lost 3 times");
  EXPECT_EQ(story.core().status().stages_failed, 1);
  story.pool_joins(5, 1);
  const std::uint64_t n1 = story.expect_job(5, 0, "n1");
  const std::uint64_t n2 = story.expect_job(5, 0, "n2");
  story.complete(n1);
  story.expect_quiet();
  story.complete(n2);
  story.complete(story.expect_job(5, 0, "n3"));
  story.expect_dismissed(5);
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(Core, ARankThatLeavesIsHandedNothingMore) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t running = story.expect_job(1, 0, "n0");
  const std::uint64_t waiting = story.expect_job(1, 0, "n1");
  story.end(waiting, true);  // nobody asked: it was told to leave by a signal
  story.end(running, true);
  story.expect_quiet();
  story.pool_dies(1, true);
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n0");
  story.expect_job(2, 0, "n1");
  story.expect_quiet();
}

TEST(Core, LeavingIsNotAFailure) {
  const GraphStory graph = noops(1);
  CoreStory story(graph, {});
  for (PoolId pool = 1; pool <= 10; ++pool) {
    story.pool_joins(pool, 1);
    story.expect_job(pool, 0, "n0");
    story.pool_dies(pool, true);
  }
  story.pool_joins(11, 1);
  story.complete(story.expect_job(11, 0, "n0"));
  story.expect_dismissed(11);
}

TEST(Core, ALateWordAboutALostAttemptIsDropped) {
  const GraphStory graph = noops(1);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t old = story.expect_job(1, 0, "n0");
  story.pool_dies(1);
  story.pool_joins(2, 1);
  const std::uint64_t fresh = story.expect_job(2, 0, "n0");
  EXPECT_GT(fresh, old);
  story.reach(old, "n0");
  story.end(old);
  EXPECT_FALSE(story.core().finished());
  story.complete(fresh);
  story.expect_dismissed(2);
}

TEST(Core, AFailedStageBlocksItsTrialAndIsReported) {
  const GraphStory graph = GraphStory::dense_and_two_prunings();
  CoreStory story(graph, {"init", "dense", "evaluate dense", "evaluate b"});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "prune a tune a evaluate a");
  story.reach(attempt, "prune a", Failure{ErrorKind::numeric, "layer fc1 has a score that is not a number"});
  story.expect_told("fc1");
  story.expect_dismissed(1);
  story.end(attempt);
  EXPECT_TRUE(story.core().finished());
  EXPECT_EQ(story.core().status().trials_failed, 1);
  story.expect_quiet();
}

TEST(Core, WarningsAreToldWithTheirStageUntilTheyAreTooMany) {
  const GraphStory graph = noops(1);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.reach(attempt, "n0", {}, std::vector<std::string>(30, "fc2 is empty"));
  for (int told = 0; told < 20; ++told) story.expect_told("warning: n0 [");
  story.expect_told("further warnings are in the store");
  story.expect_dismissed(1);
  story.end(attempt);
  story.expect_quiet();
}

TEST(Core, AFullDiskStopsTheSweepAndChargesNobody) {
  const GraphStory graph = noops(3);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.reach(attempt, "n0", Failure{ErrorKind::exhausted, "the disk is full"});
  story.end(attempt);
  story.expect_dismissed(1);
  EXPECT_TRUE(story.core().exhausted().has_value());
  EXPECT_EQ(story.core().status().trials_failed, 0);
  story.expect_quiet();
}

TEST(Core, StoppingHandsOutNothingMore) {
  const GraphStory graph = noops(5);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t running = story.expect_job(1, 0, "n0");
  const std::uint64_t waiting = story.expect_job(1, 0, "n1");
  story.stop();
  story.expect_dismissed(1);
  story.end(waiting, true);
  story.end(running, true);
  story.pool_dies(1, true);
  EXPECT_TRUE(story.core().idle());
  story.pool_joins(2, 1);
  story.expect_dismissed(2);
  story.expect_quiet();
}

}  // namespace
}  // namespace espalier
