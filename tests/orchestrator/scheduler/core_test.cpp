#include "orchestrator/scheduler/core.h"

#include <gtest/gtest.h>

#include "tests/orchestrator/scheduler/core_story.h"

namespace espalier {
namespace {

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

TEST(Core, ARankThatLeavesIsHandedNothingMore) {
  const GraphStory graph = noops(4);
  CoreStory story(graph, {});
  story.pool_joins(1, 1);
  const std::uint64_t running = story.expect_job(1, 0, "n0");
  const std::uint64_t waiting = story.expect_job(1, 0, "n1");
  story.end(waiting, true);  // not recalled: a signal asked it to leave
  story.end(running, true);
  story.expect_quiet();
  story.pool_dies(1, true);
  story.pool_joins(2, 1);
  story.expect_job(2, 0, "n0");
  story.expect_job(2, 0, "n1");
  story.expect_quiet();
}

TEST(Core, AFailedStageBlocksItsTrialAndIsReported) {
  const GraphStory graph = GraphStory::dense_and_two_prunings();
  CoreStory story(graph, {"init", "dense", "evaluate dense", "evaluate b"});
  story.pool_joins(1, 1);
  const std::uint64_t attempt = story.expect_job(1, 0, "prune a tune a evaluate a");
  story.reach(attempt, "prune a", Failure{ErrorKind::numeric, "layer fc1 has a score that is not a number"});
  story.expect_notice("fc1");
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
  for (int told = 0; told < 20; ++told) story.expect_notice("warning: n0 [");
  story.expect_notice("further warnings are in the store");
  story.expect_dismissed(1);
  story.end(attempt);
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
