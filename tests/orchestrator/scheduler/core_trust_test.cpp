// What a pool says counts for what is its own, by the identity that it proved, and for nothing else.
#include <algorithm>

#include <gtest/gtest.h>

#include "orchestrator/scheduler/core.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {
namespace {

/// A training and its evaluation; pool 1 is honest, pool 2 lies.
class CoreTrust : public testing::Test {
 protected:
  CoreTrust() {
    story_.add("init", StageKind::init, {}, 1);
    story_.add("train", StageKind::train, {"init"}, 5);
    story_.add("other", StageKind::train, {"init"}, 4);
    story_.add("result", StageKind::evaluate, {"train"}, 1).result("result");
    story_.add("second", StageKind::evaluate, {"other"}, 1).result("second");
    check(core_.add_sweep({1, "story", story_.graph(), story_.done({})}, now_));
  }

  void join(PoolId pool, const std::string& owner, const std::vector<std::uint64_t>& held = {}) {
    check(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), 1, now_, {}, owner));
    check(core_.on_rank_ready(pool, 0, {1, "node"}, held, now_));
  }
  void check(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const SendJob* send = std::get_if<SendJob>(&effect)) sent_.push_back(*send);
      if (const SendStop* stop = std::get_if<SendStop>(&effect)) stopped_.push_back(stop->attempt);
      if (std::holds_alternative<ProtocolViolation>(effect)) ++violations_;
      if (const Record* record = std::get_if<Record>(&effect)) {
        if (std::holds_alternative<StageFinished>(record->change)) ++finished_;
        if (std::holds_alternative<StageReopened>(record->change)) ++reopened_;
        if (const AttemptEnded* ended = std::get_if<AttemptEnded>(&record->change)) ended_.push_back(ended->attempt);
      }
    }
  }
  StageOutcome outcome(const std::string& stage, std::uint64_t attempt) {
    StageOutcome result;
    result.key = story_.key(stage);
    result.attempt = attempt;
    return result;
  }
  /// The job that pool 1 was given: init, train, result or the other way.
  const SendJob& honest() { return sent_.front(); }

  GraphStory story_;
  Core core_{{3, true}};
  Now now_ = 1000;
  std::vector<SendJob> sent_;
  std::vector<std::uint64_t> stopped_, ended_;
  int violations_ = 0, finished_ = 0, reopened_ = 0;
};

TEST_F(CoreTrust, AnOutcomeOfAnAttemptThatNobodyWasGivenCountsForNothing) {
  join(1, "honest");
  join(2, "liar");
  for (const char* stage : {"init", "train", "other", "result", "second"})
    check(core_.on_stage_reached(2, 0, outcome(stage, 123456789), now_));
  EXPECT_EQ(finished_, 0);
  EXPECT_EQ(violations_, 5);
}

TEST_F(CoreTrust, AnOutcomeOfAnothersAttemptCountsForNothing) {
  join(1, "honest");
  join(2, "liar");
  const std::uint64_t attempt = honest().job.attempt;
  check(core_.on_stage_reached(2, 0, outcome("init", attempt), now_));
  StageOutcome failed = outcome("init", attempt);
  failed.failure = Failure{ErrorKind::invalid_input, "no", LossCause::error, {}};
  check(core_.on_stage_reached(2, 0, failed, now_));
  EXPECT_EQ(finished_, 0);
  EXPECT_EQ(violations_, 2);
  check(core_.on_stage_reached(1, 0, outcome("init", attempt), now_));
  EXPECT_EQ(finished_, 1);
}

TEST_F(CoreTrust, NobodyEndsOrMovesOrAdoptsWhatIsAnothers) {
  join(1, "honest");
  const std::uint64_t attempt = honest().job.attempt;
  join(2, "liar", {attempt});
  EXPECT_EQ(stopped_, std::vector{attempt});  // sent to the lying pool
  check(core_.on_job_ended(2, 0, {attempt, false, true, true, LossCause::drained}, now_));
  check(core_.on_job_ended(2, 0, {attempt, true, true, true, LossCause::preempted}, now_));
  core_.on_progress(2, attempt, 0.9);
  EXPECT_EQ(violations_, 3);
  EXPECT_TRUE(ended_.empty());
  const auto jobs = core_.running_jobs(10);
  ASSERT_FALSE(jobs.empty());
  EXPECT_EQ(jobs.front().pool, "pool-1");
  EXPECT_EQ(jobs.front().fraction, 0);
}

TEST_F(CoreTrust, WhatWasGivenUpComesBackWithItsOwnPoolAlone) {
  join(1, "honest");
  const std::uint64_t attempt = honest().job.attempt;
  PoolEnd silent;
  silent.cause = LossCause::heartbeat;
  check(core_.on_pool_lost(1, silent, now_));
  join(2, "liar", {attempt});
  check(core_.on_stage_reached(2, 0, outcome("init", attempt), now_));
  EXPECT_EQ(finished_, 0);
  check(core_.on_pool_joined(3, "pool-1", 1, now_, {}, "honest"));
  check(core_.on_stage_reached(3, 0, outcome("init", attempt), now_));
  EXPECT_EQ(finished_, 1);
}

TEST_F(CoreTrust, ALateOutcomeCountsNotBeforeItsInputsAreThere) {
  core_.remember_given_up({{7, "pool-1", 0, {story_.key("train"), story_.key("result")}, 0, "honest"}});
  check(core_.on_pool_joined(1, "pool-1", 1, now_, {}, "honest"));
  check(core_.on_stage_reached(1, 0, outcome("result", 7), now_));
  check(core_.on_stage_reached(1, 0, outcome("train", 7), now_));
  EXPECT_EQ(finished_, 0);
  EXPECT_EQ(violations_, 2);
}

TEST_F(CoreTrust, AnotherCoordinatorKnowsWhoseAttemptsAre) {
  check(core_.remember_pool(1, "pool-1", {{7, "pool-1", 0, {story_.key("init")}, 0, "honest"}}, now_));
  join(2, "liar", {7});
  check(core_.on_stage_reached(2, 0, outcome("init", 7), now_));
  EXPECT_EQ(finished_, 0);
  join(1, "honest", {7});
  check(core_.on_stage_reached(1, 0, outcome("init", 7), now_));
  EXPECT_EQ(finished_, 1);
}

TEST_F(CoreTrust, OnlyWhatAStageReadsIsMadeAgainOnItsWord) {
  join(1, "honest");
  const SendJob job = honest();
  check(core_.on_stage_reached(1, 0, outcome("init", job.job.attempt), now_));
  ASSERT_GE(job.job.stages.size(), 2U);
  StageOutcome failed;
  failed.key = job.job.stages[1].key;
  failed.attempt = job.job.attempt;
  failed.failure = Failure{ErrorKind::corrupt, "damaged", LossCause::damaged_input, {story_.key("second"), {}}};
  check(core_.on_stage_reached(1, 0, failed, now_));
  EXPECT_EQ(reopened_, 0);
}

TEST_F(CoreTrust, AFileMayComeFromWhoMakesItsStage) {
  join(1, "honest");
  check(core_.on_pool_joined(2, "pool-2", 1, now_, {}, "liar"));
  const StageKey key = honest().job.stages.front().key;
  EXPECT_EQ(core_.claim_of(1, key), Core::FileClaim::wanted);
  EXPECT_EQ(core_.claim_of(2, key), Core::FileClaim::foreign);
  EXPECT_EQ(core_.claim_of(1, StageKey{}), Core::FileClaim::foreign);
  check(core_.on_stage_reached(1, 0, outcome("init", honest().job.attempt), now_));
  EXPECT_EQ(core_.claim_of(1, story_.key("init")), Core::FileClaim::done);
  EXPECT_EQ(core_.claim_of(2, story_.key("init")), Core::FileClaim::done);
}

// Its members are at work, and what waits at them is not running.
TEST(CoreRestart, AGangOfAnEarlierCoordinatorIsAtAllOfItsRanks) {
  GraphStory story;
  story.add("big", StageKind::noop, {}, 2).result("big");
  Core core({3});
  core.add_sweep({1, "story", story.graph(), story.done({})}, 0);
  core.remember_pool(1, "pool-1", {{7, "pool-1", 0, {story.key("big")}, 0, "owner", {0, 1}}}, 0);
  core.on_pool_joined(1, "pool-1", 3, 0, {}, "owner");
  core.on_rank_ready(1, 0, {1, "node"}, {7}, 0);
  for (const int rank : {1, 2}) core.on_rank_ready(1, rank, {1, "node"}, {}, 0);
  const std::vector<RankSlot>& ranks = core.find_pool(1)->ranks;
  for (const std::size_t member : {0U, 1U}) EXPECT_EQ(ranks[member].queue, std::deque<std::uint64_t>{7}) << member;
  EXPECT_TRUE(ranks[2].queue.empty());
  EXPECT_EQ(core.status().jobs_running, 1);
}

}  // namespace
}  // namespace espalier
