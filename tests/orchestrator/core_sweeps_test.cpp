// Several sweeps in one core: what they share, and who goes first.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "orchestrator/core.h"
#include "orchestrator/noop_graph.h"
#include "tests/orchestrator/graph_story.h"

namespace espalier {
namespace {

/// A core that stays, with pretend pools of idle ranks and sweeps made by hand.
class SweepsStory : public testing::Test {
 protected:
  void add(SweepId id, const GraphStory& graph, int priority = 0, Resources resources = {}) {
    SweepToRun sweep{id, "sweep-" + std::to_string(id), graph.graph(), graph.done({})};
    sweep.priority = priority;
    sweep.resources = std::move(resources);
    hear(core_.add_sweep(std::move(sweep), now_));
  }
  void join(PoolId pool, int ranks, RankFacts facts = {1, "node"}, std::vector<std::string> labels = {}) {
    hear(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_, std::move(labels)));
    for (int rank = 0; rank < ranks; ++rank) hear(core_.on_rank_ready(pool, rank, facts, {}, now_));
  }
  void hear(Effects effects) {
    for (Effect& effect : effects) {
      if (SendJob* send = std::get_if<SendJob>(&effect)) sent_.push_back(std::move(*send));
      if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
        recalled_.push_back(stop->attempt);
        stopped_ranks_.push_back(stop->rank);
      }
      if (const Tell* tell = std::get_if<Tell>(&effect)) told_.push_back(tell->text);
      if (const SweepEnded* ended = std::get_if<SweepEnded>(&effect)) ended_.push_back(*ended);
      if (const Record* record = std::get_if<Record>(&effect)) {
        if (const AttemptEnded* end = std::get_if<AttemptEnded>(&record->change)) ends_.push_back(*end);
      }
      if (const DismissPool* dismissed = std::get_if<DismissPool>(&effect)) dismissed_.push_back(dismissed->pool);
    }
  }
  /// After silence, with what each of its ranks holds.
  void return_with(PoolId pool, const std::vector<std::vector<std::uint64_t>>& held) {
    const auto ranks = static_cast<int>(held.size());
    hear(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_));
    for (int rank = 0; rank < ranks; ++rank)
      hear(core_.on_rank_ready(pool, rank, {1, "node"}, held[static_cast<std::size_t>(rank)], now_));
  }
  void interrupt(const SendJob& send) {
    hear(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, true}, now_));
  }
  void fail_for_memory(const SendJob& send) {
    StageOutcome outcome;
    outcome.key = send.job.stages.front().key;
    outcome.attempt = send.job.attempt;
    outcome.failure = Failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}};
    hear(core_.on_stage_reached(send.pool, send.rank, std::move(outcome), now_));
    hear(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, false}, now_));
  }
  /// The labels of the next job that was sent; "" if there is none.
  std::string next() {
    if (sent_.empty()) return "";
    last_ = sent_.front();
    sent_.erase(sent_.begin());
    std::string names;
    for (const JobStage& stage : last_.job.stages) names += (names.empty() ? "" : " ") + label(stage.key);
    return names;
  }
  void complete(const SendJob& send) {
    now_ += 1;
    for (const JobStage& stage : send.job.stages) {
      StageOutcome outcome;
      outcome.key = stage.key;
      outcome.attempt = send.job.attempt;
      hear(core_.on_stage_reached(send.pool, send.rank, outcome, now_));
    }
    hear(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, false}, now_));
  }
  void tick() { hear(core_.on_tick(now_)); }
  std::string label(const StageKey& key) const {
    for (const char* name : {"a", "b", "c", "d", "shared", "big", "small"}) {
      if (key.digest == sha256(name)) return name;
    }
    return "?";
  }
  static GraphStory evaluations(const std::vector<std::string>& names, int ranks = 1) {
    GraphStory story;
    for (const std::string& name : names) story.add(name, StageKind::evaluate).result(name);
    story.ask_for_ranks(ranks);
    return story;
  }

  /// Two ranks are at work, the gang "big" waits for both of them, and "small" behind it. What they are at.
  std::pair<SendJob, SendJob> keep_a_pool_for_a_gang() {
    add(1, evaluations({"a", "b"}));
    join(1, 2);
    next();
    const SendJob a = last_;
    next();
    const SendJob b = last_;
    add(2, evaluations({"big"}, 2), 1);
    add(3, evaluations({"small"}));
    return {a, b};
  }

  Core core_{{3, true}};
  Now now_ = 1000;
  std::vector<SendJob> sent_;
  std::vector<std::uint64_t> recalled_;
  std::vector<int> stopped_ranks_;  ///< parallel
  std::vector<SweepEnded> ended_;
  std::vector<std::string> told_;
  std::vector<PoolId> dismissed_;
  std::vector<AttemptEnded> ends_;
  SendJob last_{};
};

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
  add(3, evaluations({"a", "c"}));  // a is done, whoever wanted it
  EXPECT_EQ(next(), "c");
  EXPECT_EQ(next(), "");
}

TEST_F(SweepsStory, TheHigherPriorityGoesFirstAndMayChange) {
  add(1, evaluations({"a", "b"}));
  add(2, evaluations({"c", "d"}), 5);
  EXPECT_EQ(core_.sweeps()[1].priority, 5);
  hear(core_.set_priority(1, 9, now_));
  join(1, 1);
  for (int i = 0; i < 2; ++i) {
    const std::string name = next();
    EXPECT_TRUE(name == "a" || name == "b") << name;
  }
}

TEST_F(SweepsStory, APausedSweepGetsNothingUntilItGoesOn) {
  add(1, evaluations({"a"}));
  hear(core_.pause_sweep(1, now_));
  join(1, 2);
  EXPECT_EQ(next(), "");
  EXPECT_FALSE(core_.finished());
  hear(core_.resume_sweep(1, now_));
  EXPECT_EQ(next(), "a");
}

TEST_F(SweepsStory, WhatAPausedSweepSharesRunsForTheOther) {
  add(1, evaluations({"a", "shared"}));
  add(2, evaluations({"shared"}));
  hear(core_.pause_sweep(1, now_));
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
  hear(core_.cancel_sweep(1, now_));
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
  hear(core_.cancel_sweep(1, now_));
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
  hear(core_.cancel_sweep(1, now_));
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
  hear(core_.on_pool_silent(1, now_));
  hear(core_.cancel_sweep(1, now_));
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
  hear(core_.on_pool_silent(1, now_));
  hear(core_.drain_pool(1, now_));
  dismissed_.clear();
  return_with(1, {{last_.job.attempt}});
  EXPECT_EQ(dismissed_, std::vector<PoolId>{1});
}

TEST_F(SweepsStory, ADrainedPoolGetsNothingMore) {
  add(1, evaluations({"a", "b"}));
  join(1, 1);
  hear(core_.drain_pool(1, now_));
  EXPECT_EQ(dismissed_, std::vector<PoolId>{1});
  next();
  complete(last_);
  EXPECT_NE(next(), "");  // it waited there already
  EXPECT_EQ(next(), "");
}

TEST_F(SweepsStory, AGangGetsSoManyIdleRanksOfOnePool) {
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

TEST_F(SweepsStory, APoolIsKeptFreeUntilAGangFits) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  EXPECT_EQ(next(), "");  // the pool is reserved: small waits
  complete(a);
  EXPECT_EQ(next(), "");
  complete(b);
  EXPECT_EQ(next(), "big");
  const SendJob big = last_;
  next();  // small, behind one of its ranks
  complete(big);
  EXPECT_TRUE(core_.status().trials_done >= 1);
}

TEST_F(SweepsStory, APausedGangKeepsNoPoolFreeAndGetsNone) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  EXPECT_EQ(next(), "");  // the pool is reserved
  hear(core_.pause_sweep(2, now_));
  EXPECT_EQ(next(), "small");
  const SendJob small = last_;
  complete(a);
  complete(b);
  complete(small);
  EXPECT_EQ(next(), "");
  hear(core_.resume_sweep(2, now_));
  EXPECT_EQ(next(), "big");
}

TEST_F(SweepsStory, APausedSweepGetsNothingThatMustBeAlone) {
  add(1, evaluations({"a"}));
  join(1, 1);
  EXPECT_EQ(next(), "a");
  hear(core_.pause_sweep(1, now_));
  fail_for_memory(last_);
  EXPECT_EQ(next(), "");
  hear(core_.resume_sweep(1, now_));
  EXPECT_EQ(next(), "a");
  EXPECT_TRUE(last_.alone);
}

TEST_F(SweepsStory, MembersOfAGangWhoseFirstRankNeverGotTheJobAreToldToStop) {
  add(1, evaluations({"big"}, 3));
  join(1, 3);
  EXPECT_EQ(next(), "big");
  const std::uint64_t lost = last_.job.attempt;
  hear(core_.on_pool_silent(1, now_));
  return_with(1, {{}, {}, {}});
  EXPECT_EQ(recalled_, (std::vector{lost, lost}));
  EXPECT_EQ(stopped_ranks_, (std::vector{1, 2}));
  EXPECT_EQ(next(), "big");
  EXPECT_NE(last_.job.attempt, lost);
}

TEST_F(SweepsStory, MembersOfAGangThatAnEarlierCoordinatorSentAreToldToStop) {
  const GraphStory graph = evaluations({"big"}, 2);
  add(1, graph);
  hear(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {graph.key("big")}, now_}}, now_));
  return_with(1, {{}, {}});
  EXPECT_EQ(recalled_, std::vector<std::uint64_t>{7});
  EXPECT_EQ(stopped_ranks_, std::vector{1});
  EXPECT_EQ(next(), "big");
}

TEST_F(SweepsStory, ALostPoolLosesAGangOnce) {
  add(1, evaluations({"big"}, 2));
  join(1, 2);
  EXPECT_EQ(next(), "big");
  hear(core_.on_pool_lost(1, {LossCause::preempted, "preempted", {}, {}, {}, {}}, now_));
  EXPECT_TRUE(core_.idle());
  join(2, 2);
  EXPECT_EQ(next(), "big");
}

// Whatever rank of a gang it waited at.
TEST_F(SweepsStory, WhatWaitedBehindALostGangHadNotBegun) {
  const auto [a, b] = keep_a_pool_for_a_gang();
  add(4, evaluations({"c"}));
  complete(a);
  complete(b);
  EXPECT_EQ(next(), "big");
  hear(core_.on_pool_lost(1, {LossCause::signal, "killed", 9, {}, {}, {}}, now_));
  std::multiset<std::string> hows;
  for (const AttemptEnded& end : ends_) hows.insert(end.how);
  EXPECT_EQ(hows, (std::multiset<std::string>{"finished", "finished", "lost", "returned", "returned"}));
}

TEST_F(SweepsStory, WhatCannotBeTakenUpAgainIsToldWhy) {
  GraphStory graph = evaluations({"a"});
  graph.add("shared", StageKind::prune).add("b", StageKind::train, {"shared"}).result("b");
  add(1, graph);
  hear(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {graph.key("a")}, now_}}, now_));
  hear(core_.remember_pool(2, "pool-2",
                           {{8, "pool-2", 0, {graph.key("a")}, now_}, {9, "pool-2", 1, {graph.key("b")}, now_}}, now_));
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
  hear(core_.pause("the disk is full"));
  EXPECT_TRUE(waiting().empty());
}

TEST_F(SweepsStory, AJobThatNobodyHereCanRunIsToldOfOnce) {
  add(1, evaluations({"a"}, 1), 0, {0, 0, "a100"});
  join(1, 1);
  for (int second = 0; second < 20; ++second) {
    now_ += 1;
    tick();
  }
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("with the label a100"), std::string::npos) << told_[0];
}

TEST_F(SweepsStory, JobsThatShareAGpuFillItAndNoMore) {
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

TEST_F(SweepsStory, ALessUrgentGangTakesNoPoolFromAMoreUrgentSweep) {
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

TEST_F(SweepsStory, AStageThatTwoWantFollowsTheOneThatHasNotEnded) {
  Resources gpu;
  gpu.gpus = 1;
  add(1, evaluations({"shared"}), 0, gpu);
  join(1, 1);
  add(2, evaluations({"shared"}));
  EXPECT_EQ(next(), "");  // the first one's wishes hold
  hear(core_.cancel_sweep(1, now_));
  EXPECT_EQ(next(), "shared");
}

TEST_F(SweepsStory, AFailureCountsForEverySweepThatWantedIt) {
  FailurePolicy none_may_fail;
  none_may_fail.max_failures = 0;
  add(1, evaluations({"shared", "a"}));
  SweepToRun strict{2, "strict", evaluations({"shared", "b"}).graph(), {false, false}};
  strict.policy = none_may_fail;
  hear(core_.add_sweep(std::move(strict), now_));
  join(1, 1);
  while (next() != "shared") complete(last_);
  StageOutcome outcome;
  outcome.key = last_.job.stages.front().key;
  outcome.attempt = last_.job.attempt;
  outcome.failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
  hear(core_.on_stage_reached(1, 0, outcome, now_));
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
  hear(core_.on_pool_lost(1, lost, now_));
  join(2, 1);
  while (next() != name) complete(last_);
  const SendJob second = last_;
  StageOutcome late;
  late.key = first.job.stages.front().key;
  late.attempt = first.job.attempt;
  hear(core_.on_pool_joined(3, "pool-1", 1, now_));  // the first one again
  hear(core_.on_stage_reached(3, 0, late, now_));
  late.attempt = second.job.attempt;
  late.failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
  hear(core_.on_stage_reached(2, 0, late, now_));
  EXPECT_EQ(core_.status().stages_failed, 0);
}

TEST_F(SweepsStory, AGangIsOneJobInTheStatus) {
  add(1, evaluations({"big"}, 2));
  join(1, 2);
  EXPECT_EQ(next(), "big");
  EXPECT_EQ(core_.status().jobs_running, 1);
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
  hear(core_.add_sweep(sweep_of(1), now_));
  join(1, 1);
  const SendJob running = sent_.at(0);
  std::size_t most = 0;
  for (SweepId id = 2; id <= 60; ++id) {
    hear(core_.add_sweep(sweep_of(id), now_));
    hear(core_.cancel_sweep(id, now_));
    if (core_.is_worth_forgetting()) hear(core_.forget(now_));
    most = std::max(most, core_.graph().stages.size());
  }
  EXPECT_LE(most, 10U * kStages);
  EXPECT_EQ(core_.sweeps().size(), 60U);
  hear(core_.cancel_sweep(1, now_));
  hear(core_.forget(now_));
  EXPECT_LE(core_.graph().stages.size(), 4U);  // what the rank holds, until it says how that ended
  EXPECT_NE(core_.find_stage(running.job.stages.at(0).key), nullptr);
  EXPECT_EQ(core_.sweep_status(core_.sweeps().front()).trials_done, 0);
  hear(core_.add_sweep(sweep_of(61), now_));
  EXPECT_EQ(core_.status().stages, kStages);
}

}  // namespace
}  // namespace espalier
