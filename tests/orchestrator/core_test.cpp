#include "orchestrator/core.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/graph_story.h"

namespace espalier {
namespace {

/// A core with pretend pools: every test ends by proving that nothing else was said.
class CoreStory {
 public:
  CoreStory(const GraphStory& graph, const std::vector<std::string>& done) : CoreStory(graph, done, FailurePolicy()) {}
  CoreStory(const GraphStory& graph, const std::vector<std::string>& done, const FailurePolicy& policy)
      : graph_(graph), core_(graph.graph(), {graph.done(done), {}, 3, policy}) {}

  void pool_joins(PoolId pool, int ranks, const std::string& host = "node") {
    hear(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_));
    for (int rank = 0; rank < ranks; ++rank) hear(core_.on_rank_ready(pool, rank, 1, host, {}, now_));
  }
  /// With what each of its ranks still holds.
  void pool_returns(PoolId pool, const std::vector<std::vector<std::uint64_t>>& held) {
    hear(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), static_cast<int>(held.size()), now_));
    for (int rank = 0; rank < static_cast<int>(held.size()); ++rank)
      hear(core_.on_rank_ready(pool, rank, 1, "node", held[static_cast<std::size_t>(rank)], now_));
  }
  void pool_falls_silent(PoolId pool) { core_.on_pool_silent(pool); }
  void time_passes(double seconds) {
    now_ += seconds;
    hear(core_.on_tick(now_));
  }
  /// The same attempt number at a rank that may not be the one it was sent to.
  void hear_outcome(PoolId pool, int rank, std::uint64_t attempt, const std::string& stage) {
    StageOutcome outcome;
    outcome.key = graph_.key(stage);
    outcome.attempt = attempt;
    hear(core_.on_stage_reached(pool, rank, outcome, now_));
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
    hear(core_.on_job_ended(pool, rank, {attempt, interrupted, true, true, LossCause::preempted}, now_));
  }
  void interrupt(std::uint64_t attempt, bool progressed) {
    const auto& [pool, rank] = where_.at(attempt);
    hear(core_.on_job_ended(pool, rank, {attempt, true, true, progressed, LossCause::preempted}, now_));
  }
  /// Reaches every stage of the attempt, and ends it a second later.
  void complete(std::uint64_t attempt) {
    now_ += 1;
    for (const std::string& stage : stages_.at(attempt)) reach(attempt, stage);
    end(attempt);
  }
  void pool_dies(PoolId pool, bool expected = false) {
    hear(core_.on_pool_lost(
        pool, {expected ? LossCause::preempted : LossCause::signal, "killed by signal 9", {}, {}, {}, {}}, now_));
  }
  /// This rank left a note.
  void rank_dies(PoolId pool, int rank, LossCause cause = LossCause::signal) {
    PoolEnd end{LossCause::signal, "a rank died", 11, std::nullopt, {}, {}};
    end.culprits.push_back({rank, 0, cause, 11, "Segmentation fault", "main+0x1"});
    hear(core_.on_pool_lost(pool, end, now_));
  }
  void pause(const std::string& why) { hear(core_.pause(why)); }
  void resume() { hear(core_.resume(now_)); }
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
  story.expect_told("tried again");
  story.expect_quiet();
  EXPECT_EQ(story.recorded_ends, (std::vector<std::string>{"lost", "returned"}));
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
    story.expect_told(pool < 3 ? "tried again" : "failed: n0");
  }
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
  story.expect_told("tried again");
  for (PoolId pool = 3; pool <= 4; ++pool) {
    story.pool_joins(pool, 2);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");
    story.expect_quiet();
    story.pool_dies(pool);
    story.expect_told(pool == 3 ? "tried again" : "failed: n0");
  }
  EXPECT_EQ(story.core().status().stages_failed, 1);
  story.pool_joins(5, 1);
  const std::uint64_t n1 = story.expect_job(5, 0, "n1");
  const std::uint64_t n2 = story.expect_job(5, 0, "n2");
  story.complete(n1);
  const std::uint64_t n3 = story.expect_job(5, 0, "n3");  // whom it was hit by is known: no suspect any more
  story.complete(n2);
  story.complete(n3);
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

TEST(Core, ALateOutcomeOfALostAttemptCountsOnceAndALateFailureDoesNot) {
  const GraphStory graph = noops(2);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t n0 = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  story.pool_dies(1);
  story.expect_told("tried again");
  story.pool_joins(2, 1);
  const std::uint64_t fresh = story.expect_job(2, 0, "n0");
  EXPECT_GT(fresh, n0);
  const std::uint64_t other = story.expect_job(2, 0, "n1");
  story.reach(n1, "n1", Failure{ErrorKind::internal, "late", LossCause::error, {}});
  story.expect_quiet();
  story.reach(n0, "n0");
  EXPECT_EQ(story.expect_recall(), fresh);  // nobody needs it any more
  story.end(n0);
  EXPECT_FALSE(story.core().finished());
  story.reach(fresh, "n0");
  story.end(fresh);
  story.complete(other);
  story.expect_dismissed(2);
  EXPECT_EQ(story.core().status().trials_done, 2);
  story.expect_quiet();
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

TEST(Core, AFullDiskPausesTheSweepAndChargesNobody) {
  const GraphStory graph = noops(3);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  const std::uint64_t other = story.expect_job(1, 0, "n1");
  story.reach(attempt, "n0", Failure{ErrorKind::exhausted, "the disk is full", LossCause::disk_full, {}});
  story.expect_told("paused: the disk is full");
  story.end(attempt);
  EXPECT_TRUE(story.core().waits_for_room());
  story.complete(other);
  story.expect_quiet();
  story.resume();
  story.expect_told("going on");
  story.complete(story.expect_job(1, 0, "n0"));
  story.complete(story.expect_job(1, 0, "n2"));
  story.expect_dismissed(1);
  EXPECT_TRUE(story.charges.empty());
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(Core, AnErrorIsTriedAsOftenAsThePolicySays) {
  const GraphStory graph = noops(1);
  FailurePolicy policy;
  policy.errors = 2;
  CoreStory story(graph, {}, policy);
  story.pool_joins(1, 1);
  const Failure failure{ErrorKind::internal, "the layer is missing", LossCause::error, {}};
  std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.reach(attempt, "n0", failure);
  story.expect_told("tried again");
  story.end(attempt);
  attempt = story.expect_job(1, 0, "n0");
  story.reach(attempt, "n0", failure);
  story.expect_told("failed: n0");
  story.expect_dismissed(1);
  story.end(attempt);
  ASSERT_EQ(story.charges.size(), 2U);
  EXPECT_FALSE(story.charges[0].quarantined);
  EXPECT_TRUE(story.charges[1].quarantined);
  EXPECT_EQ(story.charges[1].host, "node");
  story.expect_quiet();
}

TEST(Core, WhatRanOutOfMemoryRunsOnceMoreWithAPoolToItself) {
  const GraphStory graph = noops(5);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  const std::uint64_t big = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  const std::uint64_t n2 = story.expect_job(1, 1, "n2");
  const std::uint64_t n3 = story.expect_job(1, 1, "n3");
  const Failure failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}};
  story.reach(big, "n0", failure);
  story.expect_told("with a pool to itself");
  story.end(big);
  story.expect_quiet();  // the pool is kept free of new jobs: n4 waits
  story.complete(n1);
  story.complete(n2);
  story.expect_quiet();
  story.complete(n3);
  const std::uint64_t alone = story.expect_job(1, 0, "n0");
  story.expect_quiet();
  story.reach(alone, "n0", failure);
  story.expect_told("failed: n0");
  story.end(alone);
  story.complete(story.expect_job(1, 0, "n4"));
  story.expect_dismissed(1);
  EXPECT_EQ(story.core().status().trials_failed, 1);
  story.expect_quiet();
}

TEST(Core, ARankThatLeftANoteIsNamedAtOnceAndItsNeighboursAreKeptFromIt) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.expect_job(1, 1, "n2");
  story.expect_job(1, 1, "n3");
  story.rank_dies(1, 0);
  story.expect_told("Segmentation fault");
  ASSERT_EQ(story.charges.size(), 1U);
  EXPECT_EQ(story.charges[0].stage, graph.key("n0"));
  EXPECT_EQ(story.charges[0].signal, 11);
  EXPECT_EQ(story.charges[0].backtrace, "main+0x1");
  for (PoolId pool = 2; pool <= 3; ++pool) {
    story.pool_joins(pool, 2);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");
    story.expect_job(pool, 1, "n3");  // not n2: it was hit by n0 before
    story.rank_dies(pool, 0);
    story.expect_told(pool == 3 ? "failed: n0" : "tried again");
    if (pool == 2) {  // n3 was hit too now
      story.pool_joins(9, 1);
      story.expect_job(9, 0, "n0");
      story.expect_job(9, 0, "n1");
      story.expect_quiet();
      story.rank_dies(9, 0);
      story.expect_told("failed: n0");
      break;
    }
  }
  EXPECT_EQ(story.core().status().stages_failed, 1);
  story.pool_joins(10, 2);  // explained: nobody is under suspicion any more
  story.expect_job(10, 0, "n1");
  story.expect_job(10, 0, "n2");
  story.expect_job(10, 1, "n3");
  story.expect_quiet();
}

TEST(Core, TooManyInterruptionsWithoutProgressAreAFailureAndProgressStartsAnew) {
  const GraphStory graph = noops(1);
  FailurePolicy policy;
  policy.without_progress = 3;
  CoreStory story(graph, {}, policy);
  PoolId pool = 0;
  for (const bool progressed : {false, false, true, false, false, false}) {
    story.pool_joins(++pool, 1);
    story.interrupt(story.expect_job(pool, 0, "n0"), progressed);
    if (pool == 6) story.expect_told("interrupted 3 times in a row");
    if (pool == 6) {
      for (PoolId here = 6; here <= 6; ++here) story.expect_dismissed(here);
    }
    story.pool_dies(pool, true);
  }
  EXPECT_EQ(story.core().status().trials_failed, 1);
  story.expect_quiet();
}

TEST(Core, APoolThatComesBackKeepsItsJobs) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  const std::uint64_t n0 = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  const std::uint64_t n2 = story.expect_job(1, 1, "n2");
  const std::uint64_t n3 = story.expect_job(1, 1, "n3");
  story.pool_falls_silent(1);
  story.pool_joins(2, 1);
  story.expect_quiet();                     // nothing of it goes to others
  story.pool_returns(1, {{n0, n1}, {n2}});  // n3 never reached its rank
  story.complete(story.expect_job(2, 0, "n3"));
  EXPECT_EQ(story.expect_recall(), n1);  // pool 2 is idle
  EXPECT_EQ(story.recorded_ends, (std::vector<std::string>{"returned", "finished"}));
  story.complete(n0);
  story.complete(n1);
  story.complete(n2);
  story.expect_dismissed(1);
  story.expect_dismissed(2);
  EXPECT_EQ(n3, n2 + 1);
  story.expect_quiet();
}

TEST(Core, APoolThatComesBackTooLateKeepsWhatNobodyElseHas) {
  const GraphStory graph = noops(3);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t n0 = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  story.pool_dies(1);
  story.expect_told("tried again");
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n0");
  story.expect_job(2, 0, "n1");
  story.pool_joins(3, 1);
  story.expect_job(3, 0, "n2");
  story.pool_returns(4, {{n0}});
  EXPECT_EQ(story.expect_recall(), n0);  // pool 2 has it
  EXPECT_GT(story.expect_recall(), n1);  // what waits there could run here
  story.hear_outcome(4, 0, n1, "n1");    // but that was finished here before: it is the same
  EXPECT_EQ(story.core().status().trials_done, 1);
  story.expect_quiet();
}

TEST(Core, ADamagedInputIsMadeAgainAndNobodyIsCharged) {
  const GraphStory graph = GraphStory::dense_and_two_prunings();
  CoreStory story(graph, {"init", "dense", "evaluate dense", "evaluate b"});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "prune a tune a evaluate a");
  story.reach(attempt, "prune a",
              Failure{ErrorKind::corrupt, "dense is damaged", LossCause::damaged_input, {graph.key("dense")}});
  story.expect_told("making it again");
  EXPECT_EQ(story.reopened, (std::vector<std::string>{"dense"}));
  story.end(attempt);
  story.complete(story.expect_job(1, 0, "dense"));
  story.complete(story.expect_job(1, 0, "prune a tune a evaluate a"));
  story.expect_dismissed(1);
  EXPECT_TRUE(story.charges.empty());
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(Core, ANodeWhereDifferentJobsCrashIsSetAsideAndTriedAgainLater) {
  const GraphStory graph = noops(8);
  CoreStory story(graph, {});
  for (PoolId pool = 1; pool <= 3; ++pool) {
    story.pool_joins(pool, 1, "bad");
    const std::string first = "n" + std::to_string(pool - 1);
    if (pool == 1) story.expect_job(pool, 0, "n0");
    if (pool == 1) story.expect_job(pool, 0, "n1");
    if (pool > 1) {
      // The last one is a suspect; a job that is none waits behind it.
      story.expect_job(pool, 0, pool == 2 ? "n0" : "n0");
      story.expect_job(pool, 0, "n1");
    }
    story.pool_dies(pool);
    if (pool < 3) story.expect_told("tried again");
  }
  story.expect_told("failed: n0");  // one job, however often, says nothing about the node
  for (PoolId pool = 4; pool <= 5; ++pool) {
    story.pool_joins(pool, 1, "bad");
    const std::uint64_t running = story.expect_job(pool, 0, pool == 4 ? "n1" : "n1");
    const std::uint64_t waiting = story.expect_job(pool, 0, "n2");
    (void)waiting;
    if (pool == 5) {
      story.reach(running, "n1");
      story.end(running);
      story.expect_job(pool, 0, "n3");
    }
    story.pool_dies(pool);
    story.expect_told("tried again");
  }
  story.expect_told("node bad is set aside for 60 s");
  story.pool_joins(6, 1, "bad");
  story.expect_quiet();
  story.pool_joins(7, 1, "good");
  const std::uint64_t n2 = story.expect_job(7, 0, "n2");
  story.expect_job(7, 0, "n3");
  story.expect_quiet();
  story.time_passes(61);
  story.expect_told("node bad is tried again");
  story.expect_job(6, 0, "n4");
  story.expect_job(6, 0, "n5");
  story.complete(n2);
  story.expect_job(7, 0, "n6");
  story.expect_quiet();
}

TEST(Core, StopsWhenMoreFailThanThePolicyAllows) {
  const GraphStory graph = noops(3);
  FailurePolicy policy;
  policy.max_failures = 0;
  CoreStory story(graph, {}, policy);
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.reach(attempt, "n0", Failure{ErrorKind::numeric, "a score is not a number", LossCause::numeric, {}});
  story.expect_told("failed: n0");
  story.expect_told("stopping: 1 jobs failed");
  story.expect_dismissed(1);
  EXPECT_TRUE(story.core().too_many_failures());
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
