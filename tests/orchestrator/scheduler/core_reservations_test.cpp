// Reservations of pools: for gangs, jobs that must be alone, suspects, shares of a GPU.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/orchestrator/scheduler/core_sweeps_story.h"

namespace espalier {
namespace {

class ReservationsStory : public SweepsStory {};

TEST_F(ReservationsStory, AGangGetsSoManyIdleRanksOfOnePool) {
  add(1, evaluations({"big"}, 3));
  join(1, 2);
  EXPECT_EQ(next(), "");  // too small
  join(2, 4);
  EXPECT_EQ(next(), "big");
  EXPECT_EQ(last_.pool, 2U);
  EXPECT_EQ(last_.gang, (std::vector<int>{0, 1, 2}));
  complete(last_);
  tick();
  EXPECT_EQ(ended_.size(), 1U);
}

TEST_F(ReservationsStory, APoolIsKeptFreeUntilAGangFits) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  EXPECT_EQ(next(), "");  // the pool is reserved: small waits
  complete(a);
  EXPECT_EQ(next(), "");
  complete(b);
  EXPECT_EQ(next(), "big");
  const SendJob big = last_;
  EXPECT_EQ(next(), "small");  // behind one of its ranks
  complete(big);
  complete(last_);
  EXPECT_EQ(core_.status().trials_done, 4);
}

TEST_F(ReservationsStory, APausedGangKeepsNoPoolFreeAndGetsNone) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  EXPECT_EQ(next(), "");  // the pool is reserved
  check(core_.pause_sweep(2, now_));
  EXPECT_EQ(next(), "small");
  const SendJob small = last_;
  complete(a);
  complete(b);
  complete(small);
  EXPECT_EQ(next(), "");
  check(core_.resume_sweep(2, now_));
  EXPECT_EQ(next(), "big");
}

TEST_F(ReservationsStory, APausedSweepGetsNothingThatMustBeAlone) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  check(core_.pause_sweep(1, now_));
  fail_for_memory(last_);
  EXPECT_EQ(next(), "");
  check(core_.resume_sweep(1, now_));
  EXPECT_EQ(next(), "a");
  EXPECT_TRUE(last_.alone);
}

TEST_F(ReservationsStory, MembersOfAGangWhoseFirstRankNeverGotTheJobAreToldToStop) {
  add(1, evaluations({"big"}, 3));
  join(1, 3);
  EXPECT_EQ(next(), "big");
  const std::uint64_t lost = last_.job.attempt;
  check(core_.on_pool_silent(1, now_));
  return_with(1, {{}, {}, {}});
  EXPECT_EQ(recalled_, (std::vector{lost, lost}));
  EXPECT_EQ(stopped_ranks_, (std::vector{1, 2}));
  EXPECT_EQ(next(), "big");
  EXPECT_NE(last_.job.attempt, lost);
}

TEST_F(ReservationsStory, MembersOfAGangThatAnEarlierCoordinatorSentAreToldToStop) {
  const GraphStory graph = evaluations({"big"}, 2);
  add(1, graph);
  check(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {graph.key("big")}, now_}}, now_));
  return_with(1, {{}, {}});
  EXPECT_EQ(recalled_, std::vector<std::uint64_t>{7});
  EXPECT_EQ(stopped_ranks_, std::vector{1});
  EXPECT_EQ(next(), "big");
}

TEST_F(ReservationsStory, ALostPoolLosesAGangOnce) {
  add(1, evaluations({"big"}, 2));
  join(1, 2);
  EXPECT_EQ(next(), "big");
  check(core_.on_pool_lost(1, {LossCause::preempted, "preempted", {}, {}, {}, {}}, now_));
  EXPECT_TRUE(core_.idle());
  join(2, 2);
  EXPECT_EQ(next(), "big");
}

// Whatever rank of a gang it waited at.
TEST_F(ReservationsStory, WhatWaitedBehindALostGangHadNotBegun) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  add(4, evaluations({"c"}));
  complete(a);
  complete(b);
  EXPECT_EQ(next(), "big");
  check(core_.on_pool_lost(1, {LossCause::signal, "killed", 9, {}, {}, {}}, now_));
  std::multiset<std::string> hows;
  for (const AttemptEnded& end : ends_) hows.insert(end.how);
  EXPECT_EQ(hows, (std::multiset<std::string>{"finished", "finished", "lost", "returned", "returned"}));
}

TEST_F(ReservationsStory, JobsThatShareAGpuFillItAndNoMore) {
  join(1, 3, {1, "node", "cuda:0"});
  add(1, evaluations({"a", "b", "c"}), 0, {0.5, 0, ""});
  const std::string first = next();
  const SendJob one = last_;
  EXPECT_NE(first, "");
  EXPECT_NE(next(), "");
  const SendJob two = last_;
  EXPECT_NE(one.rank, two.rank);
  // The third waits behind one of the two, whose share it takes over; the third rank stays idle.
  while (!next().empty()) EXPECT_NE(last_.rank, 2);
}

TEST_F(ReservationsStory, ALessUrgentGangTakesNoPoolFromAMoreUrgentSweep) {
  add(1, evaluations({"a", "b", "c", "d"}), 10);
  join(1, 1);
  join(2, 2);
  std::vector<SendJob> at_work;
  while (!next().empty()) at_work.push_back(last_);
  ASSERT_EQ(at_work.size(), 4U);
  add(2, evaluations({"big"}, 2), 0);
  add(3, evaluations({"small", "shared"}), 10);
  for (const SendJob& job : at_work) complete(job);
  const std::set<std::string> sent{next(), next()};
  EXPECT_EQ(sent, (std::set<std::string>{"shared", "small"}));
}

TEST_F(ReservationsStory, AGangIsOneJobInTheStatus) {
  add(1, evaluations({"big"}, 2));
  join(1, 2);
  EXPECT_EQ(next(), "big");
  EXPECT_EQ(core_.status().jobs_running, 1);
}

TEST_F(ReservationsStory, WhatMustBeAloneTakesAPoolThatIsEmpty) {
  add(1, evaluations({"a", "b", "c", "d"}));
  join(1, 1);
  join(2, 1);
  std::vector<SendJob> jobs;
  while (!next().empty()) jobs.push_back(last_);
  ASSERT_EQ(jobs.size(), 4U);
  const PoolId kept = jobs[0].pool;
  fail_for_memory(jobs[0]);  // its pool has but one other, and is kept
  EXPECT_EQ(next(), "");
  for (std::size_t i = 1; i < 4; ++i) {
    if (jobs[i].pool != kept) complete(jobs[i]);
  }
  EXPECT_NE(next(), "");
  EXPECT_TRUE(last_.alone);
  EXPECT_NE(last_.pool, kept);
}

TEST_F(ReservationsStory, APoolThatAGangDoesNotNeedIsOfferedToThoseThatWaited) {
  Resources label;
  label.label = "here";
  add(1, evaluations({"a", "b"}));
  join(1, 2, {1, "node"}, {"here"});
  next();
  const SendJob a = last_;
  next();
  add(2, evaluations({"big"}, 2), 1);
  GraphStory longer;
  longer.add("small", StageKind::evaluate, {}, 10).result("small");
  add(3, longer, 1, label);
  complete(a);
  EXPECT_EQ(next(), "");  // the pool is kept for the gang
  join(2, 2);
  const std::set<std::string> sent{next(), next()};
  EXPECT_EQ(sent, (std::set<std::string>{"big", "small"}));
}

TEST_F(ReservationsStory, AKeptPoolsGangTakesNoOtherFromAMoreUrgentOne) {
  keep_a_pool_for_a_gang();
  check(core_.pause_sweep(3, now_));
  add(4, evaluations({"c", "d"}, 2), 9, {0, 0, "there"});
  EXPECT_EQ(next(), "");
  join(2, 2, {1, "node"}, {"there"});
  const std::string first = next();
  EXPECT_TRUE(first == "c" || first == "d") << first;
}

TEST_F(ReservationsStory, ASuspectLetsNothingLessUrgentPass) {
  Resources label;
  label.label = "here";
  join(1, 2);
  add(1, evaluations({"a", "b"}), 2);
  while (!next().empty()) continue;
  check(core_.on_pool_lost(1, {LossCause::signal, "killed", {}, {}, {}, {}}, now_));
  add(2, evaluations({"c"}), 0);
  add(3, evaluations({"d"}), 1, label);
  join(2, 1, {1, "node"}, {"here"});
  const std::string suspect = next();
  EXPECT_TRUE(suspect == "a" || suspect == "b") << suspect;
  EXPECT_EQ(next(), "d");
}

TEST_F(ReservationsStory, AStageThatIsMadeAgainDoesNotJoinTheOneThatRunsAlone) {
  GraphStory story;
  story.add("a", StageKind::train).add("b", StageKind::evaluate, {"a"}).result("b");
  add(1, story);
  join(1, 2);
  EXPECT_EQ(next(), "a b");
  fail_for_memory(last_);
  EXPECT_EQ(next(), "a b");
  EXPECT_TRUE(last_.alone);
  const SendJob alone = last_;
  StageOutcome outcome;
  outcome.key = story.key("a");
  outcome.attempt = alone.job.attempt;
  check(core_.on_stage_reached(1, alone.rank, outcome, now_));
  outcome.key = story.key("b");
  outcome.failure = Failure{ErrorKind::corrupt, "damaged", LossCause::damaged_input, {story.key("a")}};
  check(core_.on_stage_reached(1, alone.rank, outcome, now_));
  EXPECT_EQ(next(), "");
}

TEST_F(ReservationsStory, AfterARestartAShareOfAGpuIsStillUsed) {
  Resources gpu;
  gpu.gpus = 1;
  const GraphStory story = evaluations({"a", "b"});
  add(1, story, 0, gpu);
  check(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {story.key("a")}, now_}}, now_));
  check(core_.on_pool_joined(1, "pool-1", 2, now_));
  check(core_.on_rank_ready(1, 0, {1, "node", "cuda:0"}, {7}, now_));
  check(core_.on_rank_ready(1, 1, {1, "node", "cuda:0"}, {}, now_));
  EXPECT_EQ(next(), "b");
  EXPECT_EQ(last_.rank, 0);  // behind the one whose share it takes over
}

TEST_F(ReservationsStory, AfterARestartWhatMustBeAloneIs) {
  const GraphStory story = evaluations({"a", "b"});
  SweepToRun sweep{1, "sweep", story.graph(), story.done({})};
  sweep.charges = {{story["a"], LossCause::oom_host, "node"}};
  check(core_.add_sweep(std::move(sweep), now_));
  check(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {story.key("a")}, now_}}, now_));
  return_with(1, {{7}, {}});
  EXPECT_EQ(next(), "");
}

/// A job that measures time.
GraphStory timed(const std::string& name) {
  return GraphStory().add(name, StageKind::latency).result(name);
}

TEST_F(ReservationsStory, WhatMeasuresTimeWaitsUntilItsHostIsIdle) {
  join(1, 1, {1, "near"});
  join(2, 1, {1, "near"});
  add(1, evaluations({"a", "b"}));
  next();
  const SendJob one = last_;
  next();
  const SendJob other = last_;
  EXPECT_NE(one.pool, other.pool);
  add(2, timed("c"));
  EXPECT_EQ(next(), "");
  complete(one);
  EXPECT_EQ(next(), "");  // the other pool's rank still works on that host
  complete(other);
  EXPECT_EQ(next(), "c");
  complete(last_);
  EXPECT_EQ(core_.status().trials_done, 3);
}

TEST_F(ReservationsStory, NothingRunsBesideWhatMeasuresTime) {
  add(1, timed("c"));
  join(1, 2, {1, "near"});
  EXPECT_EQ(next(), "c");
  const SendJob timed_job = last_;
  add(2, evaluations({"a", "b"}));
  EXPECT_EQ(next(), "");
  join(2, 1, {1, "near"});
  EXPECT_EQ(next(), "");
  join(3, 1, {1, "far"});
  EXPECT_NE(next(), "");
  EXPECT_EQ(last_.pool, 3U);
  EXPECT_NE(next(), "");  // behind it
  EXPECT_EQ(last_.pool, 3U);
  const SendJob behind = last_;
  complete(timed_job);
  EXPECT_EQ(recalled_, std::vector{behind.job.attempt});  // for a rank that is free now
}

TEST_F(ReservationsStory, WhatMeasuresTimeIsAloneAfterARestartToo) {
  add(1, timed("c"));
  add(2, evaluations({"a"}));
  OpenAttempt open;
  open.attempt = 7;
  open.pool = "pool-1";
  open.stages = {StageKey{sha256("c")}};
  check(core_.remember_pool(1, "pool-1", {open}, now_));
  return_with(1, {{7}, {}});
  EXPECT_EQ(next(), "");
  check(core_.on_job_ended(1, 0, {7, true}, now_));
  EXPECT_EQ(next(), "c");
  EXPECT_EQ(next(), "");
  complete(last_);
  EXPECT_EQ(next(), "a");
}

TEST_F(ReservationsStory, NoPoolIsAskedForWhereAHostOnlyHasToBecomeIdle) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  add(2, timed("c"));
  EXPECT_TRUE(core_.waiting_jobs().empty());
  check(core_.on_pool_lost(1, {LossCause::preempted, "gone", {}, {}, {}, {}}, now_));
  EXPECT_EQ(core_.waiting_jobs().size(), 2U);
}

}  // namespace
}  // namespace espalier
