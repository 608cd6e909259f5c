#include "analysis/failures/failure_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/analysis/failures/failure_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<std::string> kMethods{"magnitude", "snip", "random"};
const std::vector<std::string> kRates{"0.01", "0.1", "1"};

FailureStory grouped_story() {
  return {kMethods, kRates, {0.5, 0.98}, 3};
}

bool trained_at_lr_1(const TrialFateRow& trial) {
  return trial.variant == "train.lr=1";
}
bool is_snip(const TrialFateRow& trial) {
  return trial.method == "snip";
}
bool is_seed_0(const TrialFateRow& trial) {
  return trial.seed == 0;
}
bool is_trial_5(const TrialFateRow& trial) {
  return trial.key == "trial5";
}

TEST(FailureGroups, of_a_healthy_sweep_are_none) {
  FailureStory story = grouped_story();
  story.finish_the_rest();
  EXPECT_THAT(story.groups(), IsEmpty());
  EXPECT_EQ(group_diverged(story.evidence()).sentence, "");
  EXPECT_THAT(group_failures({}), IsEmpty());
}

TEST(FailureGroups, a_learning_rate_that_always_fails_is_named) {
  FailureStory story = grouped_story();
  story.fail(trained_at_lr_1, "numeric", "score of layer fc1 is not a number");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(), ElementsAre("region: every trial with train.lr=1 fails: 18 of 18; nothing else does"));
  const FailureGroup group = story.groups().at(0);
  EXPECT_EQ(group.signature, "numeric: score of layer fc# is not a number");
  EXPECT_EQ(group.jobs, 18);
  EXPECT_EQ(group.nodes, 1);
  EXPECT_EQ(group.quarantined, 18);
  EXPECT_EQ(group.trials, 18);
  EXPECT_THAT(group.verdict.settings, ElementsAre(TrialSetting{"train.lr", "1"}));
}

TEST(FailureGroups, a_method_is_named_rather_than_its_criterion) {
  FailureStory story = grouped_story();
  story.fail(is_snip, "error", "no gradient");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(), ElementsAre("region: every trial with method=snip fails: 18 of 18; nothing else does"));
}

TEST(FailureGroups, a_sparsity_is_named_as_in_the_sweep) {
  FailureStory story = grouped_story();
  story.fail([](const TrialFateRow& trial) { return trial.sparsity_target > 0.9; }, "error", "nothing is left");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("region: every trial with sparsity=0.98 fails: 27 of 27; nothing else does"));
}

TEST(FailureGroups, two_settings_are_named_where_neither_alone_fails) {
  FailureStory story = grouped_story();
  story.fail([](const TrialFateRow& trial) { return trained_at_lr_1(trial) && is_snip(trial); }, "error",
             "no gradient");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("region: every trial with train.lr=1 and method=snip fails: 6 of 6; nothing else does"));
}

TEST(FailureGroups, what_is_not_run_yet_is_counted_but_no_excuse) {
  FailureStory story = grouped_story();
  story.fail([](const TrialFateRow& trial) { return trained_at_lr_1(trial) && is_seed_0(trial); }, "error", "no");
  story.finish([](const TrialFateRow& trial) { return !trained_at_lr_1(trial); });
  EXPECT_THAT(
      story.verdicts(),
      ElementsAre("region: 6 of 18 trials with train.lr=1 fail, none of the others is done; no other trial does"));
}

TEST(FailureGroups, one_success_in_a_large_sweep_does_not_clear_a_region) {
  FailureStory story = grouped_story();
  story.finish([](const TrialFateRow& trial) { return trained_at_lr_1(trial) && trial.key == "trial54"; });
  story.fail(trained_at_lr_1, "error", "no");
  story.finish_the_rest();
  EXPECT_THAT(
      story.verdicts(),
      ElementsAre("region: 17 of 18 trials with train.lr=1 fail, 1 other done all the same; no other trial does"));
}

TEST(FailureGroups, diverged_trials_speak_for_neither_side) {
  FailureStory story = grouped_story();
  story.diverge([](const TrialFateRow& trial) { return trained_at_lr_1(trial) && trial.method == "random"; });
  story.fail(trained_at_lr_1, "numeric", "score of layer fc1 is not a number");
  story.finish_the_rest();
  EXPECT_THAT(
      story.verdicts(),
      ElementsAre("region: 12 of 18 trials with train.lr=1 fail, none of the others is done; no other trial does"));
}

TEST(FailureGroups, one_job_among_many_is_its_own_fault) {
  FailureStory story = grouped_story();
  story.fail(is_trial_5, "signal", "killed by signal 11", "node1", false);
  story.fail(is_trial_5, "signal", "killed by signal 11", "node2", false);
  story.fail(is_trial_5, "signal", "killed by signal 11", "node1");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("job: only this job fails (3 times); 53 other train jobs of the sweep are done"));
  const FailureGroup group = story.groups().at(0);
  EXPECT_EQ(group.jobs, 1);
  EXPECT_EQ(group.nodes, 2);
  EXPECT_THAT(group.failures, SizeIs(3));
}

TEST(FailureGroups, a_job_that_all_of_a_region_needs_says_so) {
  FailureStory story = grouped_story();
  story.fail([](const TrialFateRow& trial) { return trained_at_lr_1(trial) && trial.key == "trial37"; }, "error", "no");
  for (TrialFateRow& trial : story.evidence().trials) {
    if (trained_at_lr_1(trial)) trial.struck = {36}, trial.state = "blocked";
  }
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(), ElementsAre("job: only this job fails (1 time); 36 other train jobs of the sweep are "
                                            "done; all 18 trials with train.lr=1 need it"));
}

TEST(FailureGroups, jobs_that_fail_on_one_node_alone_are_the_nodes_fault) {
  FailureStory story = grouped_story();
  story.finish(is_snip, "node1");
  story.fail([](const TrialFateRow& trial) { return is_seed_0(trial) && trial.method == "magnitude"; }, "oom_gpu",
             "CUDA out of memory. Tried to allocate 2.00 GiB", "node7");
  story.finish([](const TrialFateRow& trial) { return trial.seed == 1; }, "node2");
  EXPECT_THAT(story.verdicts(),
              ElementsAre("node: 6 jobs fail on node7 alone, which has done no train job; 30 jobs are "
                          "done on other nodes"));
}

TEST(FailureGroups, a_node_is_cleared_by_a_region_if_it_did_such_work) {
  FailureStory story = grouped_story();
  story.finish(is_snip, "node1");
  story.finish([](const TrialFateRow& trial) { return trial.method == "magnitude"; }, "node7");
  story.fail([](const TrialFateRow& trial) { return trial.method == "random"; }, "error", "no", "node7");
  EXPECT_THAT(story.verdicts(),
              ElementsAre("region: every trial with method=random fails: 18 of 18; nothing else does"));
}

TEST(FailureGroups, a_node_that_went_bad_is_blamed_if_no_region_is) {
  FailureStory story = grouped_story();
  story.finish(is_seed_0, "node7");
  story.finish([](const TrialFateRow& trial) { return trial.seed == 1; }, "node1");
  // Two trials that share nothing that others do not have.
  story.fail([](const TrialFateRow& trial) { return trial.key == "trial3" || trial.key == "trial24"; }, "signal",
             "killed by signal 7", "node7", false);
  story.finish_the_rest("node1");
  EXPECT_THAT(story.verdicts(), ElementsAre("node: 2 jobs fail on node7 alone, which has done 18 such jobs before; 36 "
                                            "jobs are done on other nodes"));
}

TEST(FailureGroups, the_only_node_there_is_is_not_blamed) {
  FailureStory story = grouped_story();
  story.finish(is_snip, "node1");
  story.fail([](const TrialFateRow& trial) { return trial.key == "trial1" || trial.key == "trial24"; }, "signal", "x");
  story.finish_the_rest("node1");
  EXPECT_THAT(story.verdicts(),
              ElementsAre("unclear: 2 jobs fail; nothing distinguishes them from those that are done"));
}

TEST(FailureGroups, a_failure_on_an_unknown_host_accuses_nobody) {
  FailureStory story = grouped_story();
  story.finish(is_snip, "node1");
  story.fail([](const TrialFateRow& trial) { return trial.key == "trial1"; }, "signal", "x", "node7");
  story.fail([](const TrialFateRow& trial) { return trial.key == "trial24"; }, "signal", "x", "");
  story.finish_the_rest("node1");
  EXPECT_THAT(story.verdicts(),
              ElementsAre("unclear: 2 jobs fail; nothing distinguishes them from those that are done"));
}

TEST(FailureGroups, before_anything_is_done_nothing_is_clear) {
  FailureStory story = grouped_story();
  story.fail(trained_at_lr_1, "error", "no");
  EXPECT_THAT(story.verdicts(), ElementsAre("unclear: 18 jobs fail; too little is done to say what is different"));
  FailureStory one = grouped_story();
  one.fail(is_trial_5, "error", "no");
  EXPECT_THAT(one.verdicts(), ElementsAre("unclear: this job fails; too little is done to say what is different"));
}

TEST(FailureGroups, what_was_tried_again_and_is_done_says_so) {
  FailureStory story = grouped_story();
  story.fail(is_trial_5, "signal", "x", "node7", false);
  story.finish_the_rest();
  for (ChargedFailureRow& row : story.evidence().failures) row.state = "done";
  EXPECT_THAT(story.verdicts(),
              ElementsAre("job: only this job fails (1 time); 53 other train jobs of the sweep are done; it is done by "
                          "now"));
  EXPECT_EQ(story.groups().at(0).quarantined, 0);
  EXPECT_EQ(story.groups().at(0).trials, 0);
}

TEST(FailureGroups, signatures_are_kept_apart_and_the_worst_comes_first) {
  FailureStory story = grouped_story();
  story.fail(is_trial_5, "signal", "killed by signal 11");
  story.fail(trained_at_lr_1, "numeric", "score of layer fc1 is not a number");
  story.finish_the_rest();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("region: every trial with train.lr=1 fails: 18 of 18; nothing else does",
                          "job: only this job fails (1 time); 35 other train jobs of the sweep are done"));
}

TEST(FailureGroups, show_the_failure_that_tells_the_most) {
  FailureStory story = grouped_story();
  story.fail(is_trial_5, "error", "no", "node1", false);
  story.fail(is_trial_5, "error", "no", "node2", false);
  story.fail(is_trial_5, "error", "no", "node3");
  story.evidence().failures[1].log = "step 3\n";
  EXPECT_EQ(story.groups().at(0).example, 1U);
  EXPECT_THAT(story.groups().at(0).failures, ElementsAre(0U, 1U, 2U));
}

TEST(DivergedGroup, is_explained_as_failures_are) {
  FailureStory story = grouped_story();
  story.diverge(trained_at_lr_1);
  story.finish_the_rest();
  const DivergedGroup group = group_diverged(story.evidence());
  EXPECT_EQ(group.trainings, 18);
  EXPECT_EQ(group.trials, 18);
  EXPECT_EQ(group.sentence, "every trial with train.lr=1 diverges: 18 of 18; nothing else does");
  EXPECT_THAT(story.groups(), IsEmpty());
}

TEST(TrialSettings, know_the_entries_of_a_variant) {
  TrialFateRow trial;
  trial.variant = R"(prune.schedule={iterative: {rate: 0.2, rounds: 15}}, train.lr=1, x="a, b")";
  const std::vector<TrialSetting> settings = trial_settings(trial);
  EXPECT_EQ(settings.at(0), (TrialSetting{"prune.schedule", "{iterative: {rate: 0.2, rounds: 15}}"}));
  EXPECT_EQ(settings.at(1), (TrialSetting{"train.lr", "1"}));
  EXPECT_EQ(settings.at(2), (TrialSetting{"x", "\"a, b\""}));
  EXPECT_EQ(settings.at(3).name, "method");
}

}  // namespace
}  // namespace espalier
