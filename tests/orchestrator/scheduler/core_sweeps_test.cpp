// Several sweeps in one core: what they share, and who goes first.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/orchestrator/noop_graph.h"
#include "tests/orchestrator/scheduler/core_sweeps_story.h"

namespace espalier {
namespace {

TEST_F(SweepsStory, EqualStagesOfTwoSweepsRunOnce) {
  add(1, evaluations({"a", "shared"}));
  add(2, evaluations({"shared", "b"}));
  join(1, 4);
  std::multiset<std::string> names;
  for (std::string name = next(); !name.empty(); name = next()) names.insert(name);
  EXPECT_EQ(names, (std::multiset<std::string>{"a", "b", "shared"}));
}

TEST_F(SweepsStory, ASweepEndsWhenItsOwnResultsAreThereAndPoolsStay) {
  add(1, evaluations({"a"}));
  add(2, evaluations({"b"}));
  join(1, 1);
  next();
  const SendJob first = last_;
  complete(first);
  tick();
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].sweep, label(first.job.stages[0].key) == "a" ? 1 : 2);
  next();
  complete(last_);
  tick();
  EXPECT_EQ(ended_.size(), 2U);
  EXPECT_TRUE(core_.finished());
  EXPECT_TRUE(dismissed_.empty());
  add(3, evaluations({"a", "c"}));  // a is done, for any sweep
  EXPECT_EQ(next(), "c");
  EXPECT_EQ(next(), "");
}

TEST_F(SweepsStory, TheHigherPriorityGoesFirstAndMayChange) {
  add(1, evaluations({"a", "b"}));
  add(2, evaluations({"c", "d"}), 5);
  EXPECT_EQ(core_.sweeps()[1].priority, 5);
  check(core_.set_priority(1, 9, now_));
  join(1, 1);
  for (int i = 0; i < 2; ++i) {
    const std::string name = next();
    EXPECT_TRUE(name == "a" || name == "b") << name;
  }
}

TEST_F(SweepsStory, APausedSweepGetsNothingUntilItGoesOn) {
  add(1, evaluations({"a"}));
  check(core_.pause_sweep(1, now_));
  join(1, 2);
  EXPECT_EQ(next(), "");
  EXPECT_FALSE(core_.finished());
  check(core_.resume_sweep(1, now_));
  EXPECT_EQ(next(), "a");
}

TEST_F(SweepsStory, WhatAPausedSweepSharesRunsForTheOther) {
  add(1, evaluations({"a", "shared"}));
  add(2, evaluations({"shared"}));
  check(core_.pause_sweep(1, now_));
  join(1, 2);
  EXPECT_EQ(next(), "shared");
  EXPECT_EQ(next(), "");
}

TEST_F(SweepsStory, CancellingTakesBackWhatOnlyThatSweepWanted) {
  add(1, evaluations({"a", "shared"}));
  add(2, evaluations({"shared"}));
  join(1, 2);
  std::map<std::string, std::uint64_t> attempts;
  for (std::string name = next(); !name.empty(); name = next()) attempts[name] = last_.job.attempt;
  check(core_.cancel_sweep(1, now_));
  EXPECT_EQ(recalled_, std::vector{attempts.at("a")});
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].how, SweepEnd::cancelled);
}

TEST_F(SweepsStory, AResubmittedSweepGoesOnWithWhatIsNotDone) {
  add(1, evaluations({"a", "b"}));
  join(1, 1);
  next();
  const std::string first = label(last_.job.stages[0].key);
  complete(last_);
  check(core_.cancel_sweep(1, now_));
  sent_.clear();
  add(1, evaluations({"a", "b"}));
  EXPECT_EQ(core_.sweeps().size(), 1U);
  EXPECT_FALSE(core_.finished());
  EXPECT_EQ(core_.status().trials_done, 1);
  EXPECT_NE(first, "?");
}

TEST_F(SweepsStory, WhatWasResubmittedDuringItsEndRunsOnce) {
  add(1, evaluations({"a"}));
  join(1, 3);
  EXPECT_EQ(next(), "a");
  const SendJob first = last_;
  check(core_.cancel_sweep(1, now_));
  EXPECT_EQ(recalled_, std::vector{first.job.attempt});
  add(1, evaluations({"a"}));
  EXPECT_EQ(next(), "a");
  const SendJob second = last_;
  interrupt(first);
  EXPECT_EQ(next(), "");
  complete(second);
  tick();
  EXPECT_TRUE(core_.idle());
  ASSERT_EQ(ended_.size(), 2U);
  EXPECT_EQ(ended_[1].how, SweepEnd::finished);
}

TEST_F(SweepsStory, APoolThatWasSilentIsToldAgainWhatToStop) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  const SendJob a = last_;
  check(core_.on_pool_silent(1, now_));
  check(core_.cancel_sweep(1, now_));
  recalled_.clear();
  return_with(1, {{a.job.attempt}});
  EXPECT_EQ(recalled_, std::vector{a.job.attempt});
  interrupt(a);
  EXPECT_TRUE(core_.idle());
}

TEST_F(SweepsStory, APoolThatWasSilentIsToldAgainToLeave) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  check(core_.on_pool_silent(1, now_));
  check(core_.drain_pool(1, now_));
  dismissed_.clear();
  return_with(1, {{last_.job.attempt}});
  EXPECT_EQ(dismissed_, std::vector<PoolId>{1});
}

TEST_F(SweepsStory, ADrainedPoolGetsNothingMore) {
  add(1, evaluations({"a", "b"}));
  join(1, 1);
  check(core_.drain_pool(1, now_));
  EXPECT_EQ(dismissed_, std::vector<PoolId>{1});
  next();
  complete(last_);
  EXPECT_NE(next(), "");  // it waited there already
  EXPECT_EQ(next(), "");
}

TEST_F(SweepsStory, WhatCannotBeTakenUpAgainIsToldWhy) {
  GraphStory graph = evaluations({"a"});
  graph.add("shared", StageKind::prune).add("b", StageKind::train, {"shared"}).result("b");
  add(1, graph);
  check(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {graph.key("a")}, now_}}, now_));
  check(core_.remember_pool(
      2, "pool-2", {{8, "pool-2", 0, {graph.key("a")}, now_}, {9, "pool-2", 1, {graph.key("b")}, now_}}, now_));
  ASSERT_EQ(ends_.size(), 2U);
  EXPECT_EQ(ends_[0].attempt, 8U);
  EXPECT_EQ(ends_[0].why, "another attempt has what it is there for");
  EXPECT_EQ(ends_[1].attempt, 9U);
  EXPECT_EQ(ends_[1].why, "what it needs is not there any more");
}

TEST_F(SweepsStory, JobsGoWhereTheirResourcesAre) {
  add(1, evaluations({"a"}, 1), 0);
  add(2, evaluations({"b"}, 1), 9, {0, 0, "a100"});
  add(3, evaluations({"c"}, 1), 9, {0, 16, ""});
  join(1, 1, {1, "small", "", 8});
  EXPECT_EQ(next(), "a");
  EXPECT_EQ(next(), "");
  join(2, 1, {1, "big", "", 32}, {"a100"});
  std::multiset<std::string> names{next(), next()};
  EXPECT_EQ(names, (std::multiset<std::string>{"b", "c"}));
}

TEST_F(SweepsStory, WhatWaitsIsCountedByWhatItAsksFor) {
  add(1, evaluations({"a", "b"}, 1), 0);
  add(2, evaluations({"big"}, 3), 0, {0, 16, "a100"});
  const auto waiting = [&] {
    std::map<Demand, std::int64_t> counts;
    for (const WaitingJobs& jobs : core_.waiting_jobs()) counts[jobs.demand] += jobs.count;
    return counts;
  };
  const Demand alone, together{3, {0, 16, "a100"}};
  EXPECT_EQ(waiting(), (std::map<Demand, std::int64_t>{{alone, 2}, {together, 1}}));
  EXPECT_EQ(core_.find_pool(1), nullptr);
  join(1, 2);
  EXPECT_EQ(waiting(), (std::map<Demand, std::int64_t>{{together, 1}}));
  EXPECT_EQ(core_.find_pool(1)->jobs, 2);
  check(core_.pause("the disk is full"));
  EXPECT_TRUE(waiting().empty());
}

TEST_F(SweepsStory, AJobThatNobodyHereCanRunIsToldOfOnce) {
  add(1, evaluations({"a"}, 1), 0, {0, 0, "a100"});
  join(1, 1);
  for (int second = 0; second < 20; ++second) {
    now_ += 1;
    tick();
  }
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_NE(notices_[0].find("with the label a100"), std::string::npos) << notices_[0];
}

TEST_F(SweepsStory, AStageThatTwoWantFollowsTheOneThatHasNotEnded) {
  Resources gpu;
  gpu.gpus = 1;
  add(1, evaluations({"shared"}), 0, gpu);
  join(1, 1);
  add(2, evaluations({"shared"}));
  EXPECT_EQ(next(), "");  // the first one's targets hold
  check(core_.cancel_sweep(1, now_));
  EXPECT_EQ(next(), "shared");
}

TEST_F(SweepsStory, AFailureCountsForEverySweepThatWantedIt) {
  FailurePolicy none_may_fail;
  none_may_fail.max_failures = 0;
  add(1, evaluations({"shared", "a"}));
  SweepToRun strict{2, "strict", evaluations({"shared", "b"}).graph(), {false, false}};
  strict.policy = none_may_fail;
  check(core_.add_sweep(std::move(strict), now_));
  join(1, 1);
  while (next() != "shared") complete(last_);
  StageOutcome outcome;
  outcome.key = last_.job.stages.front().key;
  outcome.attempt = last_.job.attempt;
  outcome.failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
  check(core_.on_stage_reached(1, 0, outcome, now_));
  const auto too_many = [](const SweepEnded& ended) {
    return ended.sweep == 2 && ended.how == SweepEnd::too_many_failures;
  };
  EXPECT_EQ(std::ranges::count_if(ended_, too_many), 1);
}

TEST_F(SweepsStory, AFailureOfWhatAnotherHasDoneIsNobodys) {
  add(1, evaluations({"a", "b"}));
  join(1, 1);
  const std::string name = next();
  const SendJob first = last_;
  PoolEnd lost;
  lost.cause = LossCause::node_lost;
  check(core_.on_pool_lost(1, lost, now_));
  join(2, 1);
  while (next() != name) complete(last_);
  const SendJob second = last_;
  StageOutcome late;
  late.key = first.job.stages.front().key;
  late.attempt = first.job.attempt;
  check(core_.on_pool_joined(3, "pool-1", 1, now_));  // the first one again
  check(core_.on_stage_reached(3, 0, late, now_));
  late.attempt = second.job.attempt;
  late.failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
  check(core_.on_stage_reached(2, 0, late, now_));
  EXPECT_EQ(core_.status().stages_failed, 0);
}

TEST_F(SweepsStory, WhatTheIdleRankCannotRunIsNotTakenBackForIt) {
  Resources label;
  label.label = "big";
  add(1, evaluations({"a", "b"}), 0, label);
  join(1, 1, {1, "node"}, {"big"});
  join(2, 1);
  const std::set<std::string> sent{next(), next()};  // one behind the other
  EXPECT_EQ(sent, (std::set<std::string>{"a", "b"}));
  tick();
  EXPECT_TRUE(recalled_.empty());
}

TEST_F(SweepsStory, WhatNoSweepNeedsAnyMoreIsForgottenNowAndThen) {
  constexpr int kStages = 2000;
  const auto sweep_of = [](SweepId id) {
    SweepToRun sweep{id, "sweep-" + std::to_string(id), noop_graph(kStages), std::vector<bool>(kStages, false)};
    for (Stage& stage : sweep.graph.stages)  // of one stage more than they share
      if (stage.key != sweep.graph.stages.back().key) stage.key.digest = sha256(sweep.name + stage.label);
    return sweep;
  };
  check(core_.add_sweep(sweep_of(1), now_));
  join(1, 1);
  const SendJob running = sent_.at(0);
  std::size_t most = 0;
  for (SweepId id = 2; id <= 60; ++id) {
    check(core_.add_sweep(sweep_of(id), now_));
    check(core_.cancel_sweep(id, now_));
    if (core_.is_worth_forgetting()) check(core_.forget(now_));
    most = std::max(most, core_.graph().stages.size());
  }
  EXPECT_LE(most, 10U * kStages);
  EXPECT_EQ(core_.sweeps().size(), 60U);
  check(core_.cancel_sweep(1, now_));
  check(core_.forget(now_));
  EXPECT_LE(core_.graph().stages.size(), 4U);  // what the rank holds, until it says how that ended
  EXPECT_NE(core_.find_stage(running.job.stages.at(0).key), nullptr);
  EXPECT_EQ(core_.sweep_status(core_.sweeps().front()).trials_done, 0);
  check(core_.add_sweep(sweep_of(61), now_));
  EXPECT_EQ(core_.status().stages, kStages);
}

TEST_F(SweepsStory, WhatASweepThatFailedLeavesFollowsTheOther) {
  Resources label;
  label.label = "big";
  GraphStory first;
  first.add("a", StageKind::init, {}, 10).add("shared", StageKind::init);
  first.add("b", StageKind::evaluate, {"a", "shared"}).result("b");
  GraphStory second;
  second.add("shared", StageKind::init).add("c", StageKind::evaluate, {"shared"}).result("c");
  add(1, first, 0, label);
  add(2, second);
  join(1, 1, {1, "node"}, {"big"});
  EXPECT_EQ(next(), "a");
  fail(last_, LossCause::error);
  check(core_.on_pool_lost(1, {LossCause::preempted, "preempted", {}, {}, {}, {}}, now_));
  while (!next().empty()) continue;
  tick();
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(core_.sweep_status(core_.sweeps().front()).trials_blocked, 1);
  join(2, 1);
  EXPECT_EQ(next(), "shared c");
}

TEST_F(SweepsStory, ACrashOfWhatNobodyWantsAnyMoreIsChargedToNobody) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  check(core_.cancel_sweep(1, now_));
  check(core_.on_pool_lost(1, {LossCause::signal, "killed", {}, {}, {}, {}}, now_));
  EXPECT_TRUE(notices_.empty());
}

}  // namespace
}  // namespace espalier
