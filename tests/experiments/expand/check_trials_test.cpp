#include "experiments/expand/check_trials.h"

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> warnings(const std::string& train, const std::string& rest) {
  const SweepSpec spec =
      spec_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: 1\ntrain: {lr: 0.1, " + train + "}\n" + rest);
  const Expansion expansion = expand_trials(spec, mnist_sizes);
  EXPECT_THAT(texts(expansion.diagnostics), IsEmpty());
  std::vector<std::string> all = texts(expansion.warnings);
  for (const std::string& one : texts(check_trials(spec, expansion.trials))) all.push_back(one);
  return all;
}

TEST(CheckTrials, what_has_no_effect_is_said) {
  EXPECT_THAT(
      warnings("epochs: 1, lr_schedule: {step: {milestones: [2ep50it, 20ep]}}", ""),
      ElementsAre("s.yaml:5:63: warning: train.lr_schedule.step.milestones[0]: milestone 2ep50it is step 910 of "
                  "a training of 430 steps: it is never reached",
                  HasSubstr("milestone 20ep is step 8600 of a training of 430 steps")));
  EXPECT_THAT(warnings("epochs: 2, lr_schedule: {step: {milestones: [1ep]}}", ""), IsEmpty());
  EXPECT_THAT(warnings("epochs: 2, lr_schedule: {step: {milestones: [2ep]}}", ""), ElementsAre(HasSubstr("never")));
  EXPECT_THAT(warnings("epochs: 2, lr_schedule: {step: {milestones: [1ep], gamma: 1}}", ""),
              ElementsAre(HasSubstr("milestones change nothing with a gamma of 1")));
  EXPECT_THAT(
      warnings("epochs: 1, warmup: 10ep", ""),
      ElementsAre("s.yaml:5:37: warning: train.warmup: the learning rate rises over 4300 steps of a training of "
                  "430: it never reaches 0.1"));
  EXPECT_THAT(warnings("epochs: 1, warmup: 430it", ""), IsEmpty());
  EXPECT_THAT(
      warnings("epochs: 1, weight_decay: 1e-60, momentum: 1e-50", ""),
      ElementsAre(HasSubstr("weight_decay 1e-60 is 0 as float32"), HasSubstr("momentum 1e-50 is 0 as float32")));
  EXPECT_THAT(warnings("epochs: 1, weight_decay: 1e-40", ""), IsEmpty());  // a denormal
  const std::string pruned = "prune: {method: magnitude, sparsity: 0.5}\nretrain: {finetune: {epochs: 1, ";
  EXPECT_THAT(warnings("epochs: 1", pruned + "lr: 1e-60}}\n"),
              ElementsAre(HasSubstr("retrain: lr 1e-60 is 0 as float32: nothing is trained")));
  EXPECT_THAT(warnings("epochs: 1", pruned + "warmup: 2ep}}\n"), ElementsAre(HasSubstr("never reaches 0.1")));
}

TEST(CheckTrials, scores_of_initialization_on_trained_networks_that_stay_as_pruned_are_said) {
  const auto at = [](const std::string& moment, const std::string& retrain) {
    return warnings("epochs: 1",
                    "prune: {method: [snip, grasp, magnitude], sparsity: 0.5, at: " + moment + "}\n" + retrain);
  };
  EXPECT_THAT(
      at("trained", ""),
      ElementsAre("s.yaml:6:62: warning: prune.at: grasp, snip are made for networks at initialization, and here "
                  "trained ones are scored and not retrained; write at: init and retrain: {rewind: {to: init}}, "
                  "or retrain what is pruned"));
  EXPECT_THAT(at("1ep", "retrain: [none, {finetune: {epochs: 1}}]\n"), ElementsAre(HasSubstr("grasp, snip are made")));
  EXPECT_THAT(at("init", ""), IsEmpty());
  EXPECT_THAT(at("trained", "retrain: {finetune: {epochs: 1}}\n"), IsEmpty());
  EXPECT_THAT(warnings("epochs: 1", "prune: {method: weight_gradient, sparsity: 0.5}\n"), IsEmpty());
}

TEST(CheckTrials, a_constant_rate_after_one_that_decays_is_said) {
  const auto with = [](const std::string& train, const std::string& retrain) {
    return warnings("epochs: 2, lr_schedule: " + train,
                    "prune: {method: magnitude, sparsity: 0.5}\nretrain: " + retrain);
  };
  const auto constant =
      ElementsAre(HasSubstr("s.yaml:7:10: warning: retrain: retrains at a constant rate after a "
                            "training whose rate decays"));
  EXPECT_THAT(with("cosine", "{finetune: {epochs: 1, lr: 0.01}}\n"), constant);
  EXPECT_THAT(with("{step: {milestones: [1ep]}}", "{finetune: {epochs: 1}}\n"), constant);
  EXPECT_THAT(with("cosine", "{weights: pruned, schedule: 1ep, lr: 0.01}\n"), constant);
  EXPECT_THAT(with("cosine", "{finetune: {epochs: 1, lr: 0.01, lr_schedule: cosine}}\n"), IsEmpty());
  EXPECT_THAT(with("cosine", "{lr_rewind: {epochs: 1}}\n"), IsEmpty());
  EXPECT_THAT(with("cosine", "{rewind: {to: init}}\n"), IsEmpty());
  EXPECT_THAT(with("constant", "{finetune: {epochs: 1}}\n"), IsEmpty());
}

TEST(CheckTrials, units_that_leave_without_a_measured_speed_up_are_said) {
  const std::string channels = "prune: {method: magnitude, granularity: channel, sparsity: 0.5}\n";
  EXPECT_THAT(warnings("epochs: 1", channels), ElementsAre(HasSubstr("measure: {latency: {batch_size: [1, 64]}}")));
  EXPECT_THAT(warnings("epochs: 1", channels + "measure: {latency: {}}\n"), IsEmpty());
  EXPECT_THAT(warnings("epochs: 1", "prune: {method: magnitude, sparsity: 0.5}\n"), IsEmpty());
}

}  // namespace
}  // namespace espalier
