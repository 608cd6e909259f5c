// What the core does when pools are lost, jobs fail, and pools come back.
#include <gtest/gtest.h>

#include "orchestrator/scheduler/core.h"
#include "tests/orchestrator/scheduler/core_story.h"

namespace espalier {
namespace {

TEST(CoreLosses, ALostPoolLosesOnlyWhatItHeld) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n2");
  story.expect_job(2, 0, "n3");
  story.pool_dies(1);
  story.expect_notice("tried again");
  story.expect_quiet();
  EXPECT_EQ(story.recorded_ends, (std::vector<std::string>{"lost", "returned"}));
  story.pool_joins(3, 1);
  story.expect_job(3, 0, "n0");
  story.expect_job(3, 0, "n1");
  story.expect_quiet();
}

TEST(CoreLosses, AJobThatKillsThreePoolsIsGivenUpAndItsNeighbourIsNot) {
  const GraphStory graph = noops(2);
  CoreStory story(graph, {});
  for (PoolId pool = 1; pool <= 3; ++pool) {
    story.pool_joins(pool, 1);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");  // waits: not a suspect
    story.pool_dies(pool);
    story.expect_notice(pool < 3 ? "tried again" : "failed: n0");
  }
  story.pool_joins(4, 1);
  story.complete(story.expect_job(4, 0, "n1"));
  story.expect_dismissed(4);
  EXPECT_EQ(story.core().status().trials_failed, 1);
  EXPECT_EQ(story.core().status().trials_done, 1);
  story.expect_quiet();
}

TEST(CoreLosses, NeighboursOfAKillerAreSuspectsOnceAndThenLeftAlone) {
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
  story.expect_notice("tried again");
  for (PoolId pool = 3; pool <= 4; ++pool) {
    story.pool_joins(pool, 2);
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");
    story.expect_quiet();
    story.pool_dies(pool);
    story.expect_notice(pool == 3 ? "tried again" : "failed: n0");
  }
  EXPECT_EQ(story.core().status().stages_failed, 1);
  story.pool_joins(5, 1);
  const std::uint64_t n1 = story.expect_job(5, 0, "n1");
  const std::uint64_t n2 = story.expect_job(5, 0, "n2");
  story.complete(n1);
  const std::uint64_t n3 = story.expect_job(5, 0, "n3");  // the culprit is known: no suspect any more
  story.complete(n2);
  story.complete(n3);
  story.expect_dismissed(5);
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(CoreLosses, LeavingIsNotAFailure) {
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

TEST(CoreLosses, ALateOutcomeOfALostAttemptCountsOnceAndALateFailureDoesNot) {
  const GraphStory graph = noops(2);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t n0 = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  story.pool_dies(1);
  story.expect_notice("tried again");
  story.pool_joins(2, 1);
  const std::uint64_t fresh = story.expect_job(2, 0, "n0");
  EXPECT_GT(fresh, n0);
  const std::uint64_t other = story.expect_job(2, 0, "n1");
  story.reach(n1, "n1", Failure{ErrorKind::internal, "late", LossCause::error, {}});
  story.expect_quiet();
  story.core().on_pool_joined(3, "pool-1", 1, 0);  // the first one again
  story.receive_outcome(3, 0, n0, "n0");
  EXPECT_EQ(story.expect_recall(), fresh);  // not needed any more
  story.end(n0);
  EXPECT_FALSE(story.core().finished());
  story.reach(fresh, "n0");
  story.end(fresh);
  story.complete(other);
  story.expect_dismissed(2);
  story.expect_dismissed(3);
  EXPECT_EQ(story.core().status().trials_done, 2);
  story.expect_quiet();
}

TEST(CoreLosses, AFullDiskPausesTheSweepAndChargesNobody) {
  const GraphStory graph = noops(3);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  const std::uint64_t other = story.expect_job(1, 0, "n1");
  story.reach(attempt, "n0", Failure{ErrorKind::exhausted, "the disk is full", LossCause::disk_full, {}});
  story.expect_notice("paused: the disk is full");
  story.end(attempt);
  EXPECT_TRUE(story.core().waits_for_space());
  story.complete(other);
  story.expect_quiet();
  story.resume();
  story.expect_notice("going on");
  story.complete(story.expect_job(1, 0, "n0"));
  story.complete(story.expect_job(1, 0, "n2"));
  story.expect_dismissed(1);
  EXPECT_TRUE(story.charges.empty());
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(CoreLosses, AnErrorIsTriedAsOftenAsThePolicySays) {
  const GraphStory graph = noops(1);
  FailurePolicy policy;
  policy.errors = 2;
  CoreStory story(graph, {}, policy);
  story.pool_joins(1, 1);
  const Failure failure{ErrorKind::internal, "the layer is missing", LossCause::error, {}};
  std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.reach(attempt, "n0", failure);
  story.expect_notice("tried again");
  story.end(attempt);
  attempt = story.expect_job(1, 0, "n0");
  story.reach(attempt, "n0", failure);
  story.expect_notice("failed: n0");
  story.expect_dismissed(1);
  story.end(attempt);
  ASSERT_EQ(story.charges.size(), 2U);
  EXPECT_FALSE(story.charges[0].quarantined);
  EXPECT_TRUE(story.charges[1].quarantined);
  EXPECT_EQ(story.charges[1].host, "node");
  story.expect_quiet();
}

TEST(CoreLosses, WhatRanOutOfMemoryRunsOnceMoreWithAPoolToItself) {
  const GraphStory graph = noops(5);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  const std::uint64_t big = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  const std::uint64_t n2 = story.expect_job(1, 1, "n2");
  const std::uint64_t n3 = story.expect_job(1, 1, "n3");
  const Failure failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}};
  story.reach(big, "n0", failure);
  story.expect_notice("with a pool to itself");
  story.end(big);
  story.expect_quiet();  // the pool is kept free of new jobs: n4 waits
  story.complete(n1);
  story.complete(n2);
  story.expect_quiet();
  story.complete(n3);
  const std::uint64_t alone = story.expect_job(1, 0, "n0", true);
  story.expect_quiet();
  story.reach(alone, "n0", failure);
  story.expect_notice("failed: n0");
  story.end(alone);
  story.complete(story.expect_job(1, 0, "n4"));
  story.expect_dismissed(1);
  EXPECT_EQ(story.core().status().trials_failed, 1);
  story.expect_quiet();
}

TEST(CoreLosses, APoolIsKeptFreeNoLongerThanSomebodyNeedsIt) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.core().remember_given_up({{7, "pool-1", 0, {graph.key("n0")}, 0}});
  story.pool_joins(1, 1);
  const std::uint64_t big = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  story.reach(big, "n0", Failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}});
  story.expect_notice("with a pool to itself");
  story.end(big);
  story.expect_quiet();
  story.receive_outcome(1, 0, 7, "n0");  // a pool that was thought lost had done it
  story.expect_job(1, 0, "n2");
  story.complete(n1);
  story.expect_job(1, 0, "n3");
  story.expect_quiet();
}

TEST(CoreLosses, ARankThatLeftANoteIsNamedAtOnceAndItsNeighboursAreKeptFromIt) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 2);
  story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.expect_job(1, 1, "n2");
  story.expect_job(1, 1, "n3");
  story.rank_dies(1, 0);
  story.expect_notice("Segmentation fault");
  ASSERT_EQ(story.charges.size(), 1U);
  EXPECT_EQ(story.charges[0].stage, graph.key("n0"));
  EXPECT_EQ(story.charges[0].signal, 11);
  EXPECT_EQ(story.charges[0].backtrace, "main+0x1");

  story.pool_joins(2, 2);
  story.expect_job(2, 0, "n0");
  story.expect_job(2, 0, "n1");
  story.expect_job(2, 1, "n3");  // not n2: it was hit by n0 before
  story.rank_dies(2, 0);
  story.expect_notice("tried again");

  story.pool_joins(3, 2);  // n3 was hit too now
  story.expect_job(3, 0, "n0");
  story.expect_job(3, 0, "n1");
  story.expect_quiet();
  story.rank_dies(3, 0);
  story.expect_notice("failed: n0");
  EXPECT_EQ(story.core().status().stages_failed, 1);

  story.pool_joins(4, 2);  // explained: no suspects any more
  story.expect_job(4, 0, "n1");
  story.expect_job(4, 0, "n2");
  story.expect_job(4, 1, "n3");
  story.expect_quiet();
}

TEST(CoreLosses, TooManyInterruptionsWithoutProgressAreAFailureAndProgressStartsAnew) {
  const GraphStory graph = noops(1);
  FailurePolicy policy;
  policy.without_progress = 3;
  CoreStory story(graph, {}, policy);
  PoolId pool = 0;
  for (const bool progressed : {false, false, true, false, false}) {
    story.pool_joins(++pool, 1);
    story.interrupt(story.expect_job(pool, 0, "n0"), progressed);
    story.pool_dies(pool, true);
  }
  story.expect_quiet();
  story.pool_joins(++pool, 1);
  story.interrupt(story.expect_job(pool, 0, "n0"), false);
  story.expect_notice("interrupted 3 times in a row");
  story.expect_dismissed(pool);
  EXPECT_EQ(story.core().status().trials_failed, 1);
  story.expect_quiet();
}

TEST(CoreLosses, APoolThatComesBackKeepsItsJobs) {
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

TEST(CoreLosses, APoolThatComesBackTooLateKeepsWhatNobodyElseHas) {
  const GraphStory graph = noops(3);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t n0 = story.expect_job(1, 0, "n0");
  const std::uint64_t n1 = story.expect_job(1, 0, "n1");
  story.pool_dies(1);
  story.expect_notice("tried again");
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n0");
  story.expect_job(2, 0, "n1");
  story.pool_joins(3, 1);
  story.expect_job(3, 0, "n2");
  story.pool_returns(4, {{n0}});
  EXPECT_EQ(story.expect_recall(), n0);   // pool 2 has it
  EXPECT_GT(story.expect_recall(), n1);   // what waits there could run here
  story.receive_outcome(4, 0, n1, "n1");  // but that was finished here before: it is the same
  EXPECT_EQ(story.core().status().trials_done, 1);
  story.expect_quiet();
}

TEST(CoreLosses, ADamagedInputIsMadeAgainAndNobodyIsCharged) {
  const GraphStory graph = GraphStory::dense_and_two_prunings();
  CoreStory story(graph, {"init", "dense", "evaluate dense", "evaluate b"});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "prune a tune a evaluate a");
  story.reach(attempt, "prune a",
              Failure{ErrorKind::corrupt, "dense is damaged", LossCause::damaged_input, {graph.key("dense")}});
  story.expect_notice("making it again");
  EXPECT_EQ(story.reopened, (std::vector<std::string>{"dense"}));
  story.end(attempt);
  story.complete(story.expect_job(1, 0, "dense"));
  story.complete(story.expect_job(1, 0, "prune a tune a evaluate a"));
  story.expect_dismissed(1);
  EXPECT_TRUE(story.charges.empty());
  EXPECT_EQ(story.core().status().trials_done, 3);
  story.expect_quiet();
}

TEST(CoreLosses, ANodeWhereDifferentJobsCrashIsSetAsideAndTriedAgainLater) {
  const GraphStory graph = noops(8);
  CoreStory story(graph, {});
  for (PoolId pool = 1; pool <= 3; ++pool) {
    story.pool_joins(pool, 1, "bad");
    story.expect_job(pool, 0, "n0");
    story.expect_job(pool, 0, "n1");
    story.pool_dies(pool);
    story.expect_notice(pool < 3 ? "tried again"
                                 : "failed: n0");  // one job, however often, says nothing about the node
  }
  story.expect_quiet();
  story.pool_joins(4, 1, "bad");
  story.expect_job(4, 0, "n1");
  story.expect_job(4, 0, "n2");
  story.pool_dies(4);
  story.expect_notice("tried again");
  story.pool_joins(5, 1, "bad");
  story.complete(story.expect_job(5, 0, "n1"));
  story.expect_job(5, 0, "n2");
  story.expect_job(5, 0, "n3");
  story.pool_dies(5);
  story.expect_notice("tried again");
  story.expect_notice("node bad is set aside for 60 s");  // n0, n1 and n2 crashed there, one job was done

  story.pool_joins(6, 1, "bad");
  story.expect_quiet();
  story.pool_joins(7, 1, "good");
  const std::uint64_t n2 = story.expect_job(7, 0, "n2");
  story.expect_job(7, 0, "n3");
  story.expect_quiet();
  story.time_passes(61);
  story.expect_notice("node bad is tried again");
  story.expect_job(6, 0, "n4");
  story.expect_job(6, 0, "n5");
  story.complete(n2);
  story.expect_job(7, 0, "n6");
  story.expect_quiet();
}

TEST(CoreLosses, StopsWhenMoreFailThanThePolicyAllows) {
  const GraphStory graph = noops(3);
  FailurePolicy policy;
  policy.max_failures = 0;
  CoreStory story(graph, {}, policy);
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "n0");
  story.expect_job(1, 0, "n1");
  story.reach(attempt, "n0", Failure{ErrorKind::numeric, "a score is not a number", LossCause::numeric, {}});
  story.expect_notice("failed: n0");
  story.expect_notice("stopping: 1 failed");
  story.expect_dismissed(1);
  EXPECT_TRUE(story.core().too_many_failures());
  story.expect_quiet();
}

}  // namespace
}  // namespace espalier
