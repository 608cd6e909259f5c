#include "orchestrator/scheduler/plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {
namespace {

/// The one that begins with the most urgent ready stage.
std::optional<std::vector<StageIndex>> take_job(Plan& plan) {
  const auto first = plan.most_urgent();
  return first ? plan.take_job_from(*first) : std::nullopt;
}

std::string take(Plan& plan, const GraphStory& story) {
  const auto job = take_job(plan);
  return job ? story.names(*job) : "nothing";
}

void finish(Plan& plan, const GraphStory& story, const std::vector<std::string>& names) {
  for (const std::string& name : names) plan.on_done(story[name]);
}

TEST(Plan, AJobIsAChainWithOneTraining) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({}));
  EXPECT_EQ(take(plan, story), "init dense evaluate dense");
  EXPECT_EQ(take(plan, story), "nothing");
  finish(plan, story, {"init", "dense"});
  // The longer path first; what waits for the dense network need not wait for its evaluation.
  EXPECT_EQ(take(plan, story), "prune a tune a evaluate a");
  EXPECT_EQ(take(plan, story), "prune b tune b evaluate b");
  EXPECT_EQ(take(plan, story), "nothing");
  finish(plan, story, {"evaluate dense", "prune a", "tune a", "evaluate a", "prune b", "tune b"});
  EXPECT_FALSE(plan.finished());
  finish(plan, story, {"evaluate b"});
  EXPECT_TRUE(plan.finished());
  EXPECT_DOUBLE_EQ(plan.remaining_cost(), 0);
}

TEST(Plan, WhatIsDoneAndWhatNobodyNeedsIsLeftAlone) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"init", "dense", "evaluate dense", "evaluate a"}));
  // Result a is there, so its pruning and tuning are not wanted even though their files are not.
  EXPECT_EQ(plan.state(story["tune a"]), StageState::unneeded);
  EXPECT_EQ(take(plan, story), "prune b tune b evaluate b");
  EXPECT_EQ(take(plan, story), "nothing");
}

TEST(Plan, AFinishedSweepHasNothingToDo) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"evaluate dense", "evaluate a", "evaluate b"}));
  EXPECT_TRUE(plan.finished());
}

TEST(Plan, AFailureBlocksWhatDependsOnItAndNothingElse) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"init", "dense", "evaluate dense"}));
  take(plan, story);
  plan.on_failed(story["prune a"]);
  EXPECT_EQ(plan.state(story["tune a"]), StageState::blocked);
  EXPECT_EQ(plan.state(story["evaluate a"]), StageState::blocked);
  EXPECT_EQ(take(plan, story), "prune b tune b evaluate b");
  finish(plan, story, {"prune b", "tune b", "evaluate b"});
  EXPECT_TRUE(plan.finished());
  EXPECT_EQ(plan.failed_count(), 1);
}

TEST(Plan, WhatIsGivenBackIsHandedOutAgainFromWhereItWas) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"init", "dense", "evaluate dense", "evaluate b"}));
  const auto job = take_job(plan);
  plan.on_done(story["prune a"]);
  plan.give_back(*job);
  EXPECT_EQ(take(plan, story), "tune a evaluate a");
}

TEST(Plan, OneOfTwoUsersOfAMaskIsTakenAlongAndTheOtherReleased) {
  GraphStory story;
  story.add("init", StageKind::init)
      .add("dense", StageKind::train, {"init"}, 10)
      .add("prune", StageKind::prune, {"dense"});
  story.add("ticket", StageKind::train, {"init", "prune"}, 10).add("result", StageKind::evaluate, {"ticket", "prune"});
  story.add("fresh", StageKind::init).add("reinit", StageKind::train, {"fresh", "prune"}, 8);
  story.add("control", StageKind::evaluate, {"reinit", "prune"}).result("result").result("control");
  Plan plan(story.graph(), story.done({"init", "dense", "fresh"}));
  EXPECT_EQ(take(plan, story), "prune ticket result");
  EXPECT_EQ(take(plan, story), "nothing");
  plan.on_done(story["prune"]);
  EXPECT_EQ(take(plan, story), "reinit control");
}

TEST(Plan, EqualPathsGoByKeySoTheOrderIsTheSameOnEveryRun) {
  GraphStory story;
  std::vector<StageKey> keys;
  for (int i = 0; i < 20; ++i) {
    story.add("noop" + std::to_string(i), StageKind::noop).result("noop" + std::to_string(i));
    keys.push_back(story.key("noop" + std::to_string(i)));
  }
  std::sort(keys.begin(), keys.end());
  Plan plan(story.graph(), story.done({}));
  for (const StageKey& key : keys) EXPECT_EQ(story.graph().stages[take_job(plan)->front()].key, key);
}

TEST(Plan, AStageThatTakesTwoThingsOfOneInputWaitsForItOnce) {
  GraphStory story;
  story.add("gradual", StageKind::train, {}, 5).add("evaluate", StageKind::evaluate, {"gradual", "gradual"});
  story.add("tune", StageKind::train, {"gradual", "gradual"}, 2).result("evaluate").result("tune");
  Plan plan(story.graph(), story.done({}));
  EXPECT_EQ(story.names(*take_job(plan)), "gradual evaluate");
  plan.on_done(story["gradual"]);
  EXPECT_EQ(plan.state(story["tune"]), StageState::ready);
  plan.on_done(story["evaluate"]);
  plan.reopen(story["gradual"]);
  EXPECT_EQ(plan.state(story["tune"]), StageState::waiting);
  EXPECT_EQ(story.names(*take_job(plan)), "gradual");
  plan.on_done(story["gradual"]);
  EXPECT_EQ(plan.state(story["tune"]), StageState::ready);
  plan.on_done(story["tune"]);
  EXPECT_TRUE(plan.finished());
}

TEST(Plan, WhatIsRevokedHasFailedAndBlocksWhatIsNotDone) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"init", "dense", "evaluate dense", "prune a", "prune b", "tune b"}));
  plan.revoke(story["evaluate b"]);  // it is not done
  EXPECT_TRUE(plan.is_open(story["evaluate b"]));
  plan.revoke(story["prune a"]);
  EXPECT_EQ(plan.state(story["prune a"]), StageState::failed);
  EXPECT_EQ(plan.state(story["evaluate a"]), StageState::blocked);
  EXPECT_EQ(plan.failed_count(), 1);
  EXPECT_EQ(take(plan, story), "evaluate b");
  EXPECT_EQ(take(plan, story), "nothing");
}

TEST(Plan, WhatIsMadeAgainBringsItsOwnInputsBack) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"dense", "evaluate dense", "evaluate b"}));
  EXPECT_EQ(plan.state(story["init"]), StageState::unneeded);
  const auto job = take_job(plan);
  EXPECT_EQ(story.names(*job), "prune a tune a evaluate a");
  plan.reopen(story["dense"]);
  plan.give_back(*job);
  EXPECT_EQ(story.names(*take_job(plan)), "init dense");
  plan.on_done(story["init"]);
  plan.on_done(story["dense"]);
  EXPECT_EQ(story.names(*take_job(plan)), "prune a tune a evaluate a");
}

TEST(Plan, WhatIsMadeAfterAllIsBlockedNoMore) {
  const GraphStory story = GraphStory::dense_and_two_prunings();
  Plan plan(story.graph(), story.done({"init"}));
  plan.on_failed(story["dense"]);
  EXPECT_EQ(take(plan, story), "nothing");
  plan.on_done(story["dense"]);  // by another attempt
  EXPECT_EQ(plan.failed_count(), 0);
  EXPECT_EQ(take(plan, story), "prune a tune a evaluate a");
}

}  // namespace
}  // namespace espalier
