// The control small_dense: what it trains, for how long, and where it cannot be.
#include "experiments/expand/small_dense.h"

#include <string>

#include <gmock/gmock.h>

#include "tests/experiments/expand/prune_sweep.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kControls = "controls: [small_dense]\n";

std::vector<Trial> small_dense_trials(const std::string& prune, const std::string& rest,
                                      const std::string& model = "lenet-300-100") {
  std::vector<Trial> found;
  for (const Trial& trial : trials_of(prune_sweep("method: magnitude, " + prune, rest + kControls, model)))
    if (trial.config->control == Control::small_dense) found.push_back(trial);
  return found;
}

/// Steps of the control of one trial; a training has 3 epochs of 550 steps.
std::int64_t steps_with(const std::string& prune, const std::string& rest) {
  const std::vector<Trial> trials = small_dense_trials("granularity: channel, " + prune, rest);
  return trials.size() == 1 ? trials[0].config->small_dense->recipe.steps : -1;
}

TEST(SmallDense, IsTrainedForAsManyStepsAsTheWeightsOfThePrunedNetwork) {
  EXPECT_EQ(steps_with("sparsity: 0.5", ""), 1650);
  EXPECT_EQ(steps_with("sparsity: 0.5, at: 1ep", ""), 550);
  EXPECT_EQ(steps_with("sparsity: 0.5, at: init", ""), 0);
  EXPECT_EQ(steps_with("sparsity: 0.5", "retrain: {finetune: {steps: 100}}\n"), 1750);
  EXPECT_EQ(steps_with("sparsity: 0.5, schedule: {iterative: {rounds: 3}}", "retrain: {finetune: {steps: 100}}\n"),
            1950);
  EXPECT_EQ(steps_with("sparsity: 0.5, schedule: {iterative: {rounds: 3}}", "retrain: {lr_rewind: {to: 2ep}}\n"),
            1650 + 3 * 550);
  EXPECT_EQ(steps_with("sparsity: 0.5, schedule: {iterative: {rounds: 3}}", "retrain: {rewind: {to: 50it}}\n"), 1650);
  EXPECT_EQ(steps_with("sparsity: 0.5", "retrain: scratch_e\n"), 1650);
  EXPECT_EQ(steps_with("sparsity: 0.5, schedule: {cubic: {end: 2ep, every: 100it}}", ""), 1650);
}

TEST(SmallDense, StretchesTheScheduleOverItsSteps) {
  const std::string train =
      "train: {lr: 0.1, batch_size: 100, epochs: 3, lr_schedule: {step: {milestones: [1ep], gamma: 0.5}}, warmup: 10}";
  std::string sweep = prune_sweep("method: magnitude, granularity: channel, sparsity: 0.5",
                                  std::string("retrain: {finetune: {epochs: 3}}\n") + kControls);
  sweep.replace(sweep.find("train: {"), std::string("train: {lr: 0.1, batch_size: 100, epochs: 3}").size(), train);
  const TrainRecipe recipe = trials_of(sweep).back().config->small_dense->recipe;
  EXPECT_EQ(recipe.steps, 3300);
  EXPECT_THAT(recipe.lr_schedule.milestones, ElementsAre(1100));
  EXPECT_EQ(recipe.lr_schedule.warmup_steps, 20);
}

TEST(SmallDense, NarrowsWhatTheMethodRemoves) {
  const auto narrowed = [](const std::string& prune, const std::string& model) {
    return small_dense_trials(prune + ", sparsity: 0.5", "", model).at(0).config->small_dense.value();
  };
  EXPECT_EQ(narrowed("granularity: channel", "lenet-300-100").granularity, "channel l2");
  EXPECT_EQ(narrowed("granularity: head", "transformer").granularity, "head l2");
  EXPECT_EQ(narrowed("granularity: layer", "transformer").granularity, "layer l2");
  EXPECT_EQ(narrowed("granularity: channel, align: 8", "lenet-300-100").align, 8);
  EXPECT_THAT(narrowed("granularity: channel, protect: [fc1]", "lenet-300-100").protect, ElementsAre("fc1"));
}

TEST(SmallDense, WhereNoUnitLeavesAsAWholeItSaysSo) {
  for (const char* granularity : {"weight", "row", "{n: 2, m: 4}", "{block: [4, 4]}"}) {
    EXPECT_THAT(problems(prune_sweep(std::string("method: magnitude, allocation: uniform, granularity: ") +
                                         granularity + (granularity[1] == 'n' ? "" : ", sparsity: [0.5, 0.6]"),
                                     kControls)),
                ElementsAre(HasSubstr("controls: small_dense needs whole units to leave, and granularity")))
        << granularity;
  }
  EXPECT_THAT(problems(prune_sweep("method: magnitude, sparsity: 0.5, granularity: [channel, weight]", kControls)),
              ElementsAre(HasSubstr("use granularity: channel, head or layer")));
}

TEST(SmallDense, ItsStagesFollowTheMethodsMasks) {
  const std::vector<Trial> trials =
      trials_of(prune_sweep("method: magnitude, granularity: channel, sparsity: 0.5",
                            std::string("retrain: {finetune: {steps: 100}}\n") + kControls));
  const StageGraph graph = build_stage_graph(trials);
  ASSERT_EQ(graph.trials.size(), 2U);
  const TrialStages& small = graph.trials[1];
  const Stage& narrow = graph.stages.at(small.masks.value());
  EXPECT_EQ(narrow.kind, StageKind::narrow);
  EXPECT_EQ(narrow.inputs.at(0).stage, graph.trials[0].masks) << "the method's, made once";
  const Stage& train = graph.stages.at(small.last_train.value());
  for (const StageInput& input : train.inputs) EXPECT_EQ(input.stage, small.masks);
  EXPECT_EQ(train.inputs.size(), 2U) << "weights and masks";
  EXPECT_EQ(parse_spec<TrainSpec>(*train.spec).compute, kShrunk);
  EXPECT_EQ(parse_spec<EvaluateSpec>(*graph.stages.at(small.evaluate).spec).compute, kShrunk);
  EXPECT_EQ(train.steps, 1750);
}

TEST(SmallDense, WithoutAStepItIsEvaluatedAsItIsDrawn) {
  const std::vector<Trial> trials =
      trials_of(prune_sweep("method: magnitude, granularity: channel, sparsity: 0.5, at: init", kControls));
  const StageGraph graph = build_stage_graph(trials);
  EXPECT_FALSE(graph.trials.at(1).last_train);
  EXPECT_EQ(graph.stages.at(graph.trials.at(1).evaluate).inputs.at(0).stage, graph.trials.at(1).masks);
}

TEST(SmallDense, RandomPruningHasNoneOfItsOwn) {
  EXPECT_THAT(small_dense_trials("granularity: channel, sparsity: 0.5", ""), testing::SizeIs(1));
  const std::string random = prune_sweep("method: random, granularity: channel, sparsity: 0.5", kControls);
  for (const Trial& trial : trials_of(random)) EXPECT_EQ(trial.config->control, Control::random);
}

}  // namespace
}  // namespace espalier
