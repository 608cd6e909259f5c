// Sweeps that repair what a cut leaves.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/graph/stage_graph.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kRepairSweep = R"(
sweep: repaired
dataset: mnist
model: lenet-5
train: {optimizer: sgd, lr: 0.1, batch_size: 100, epochs: 1}
prune: {method: magnitude, granularity: channel, sparsity: 0.5}
retrain: {finetune: {epochs: 1}}
controls: [random, shuffle, reinit]
seeds: 1
dense: false
)";

StageGraph repair_graph(const std::vector<std::string>& overrides) {
  return build_stage_graph(trials_of(kRepairSweep, overrides));
}

std::vector<std::string> kinds_on_the_way_to(const StageGraph& graph, StageIndex last) {
  std::vector<std::string> kinds;
  for (const Stage* stage = &graph.stages[last];;) {
    kinds.insert(kinds.begin(), std::string(to_string(stage->kind)));
    const auto weights = std::ranges::find(stage->inputs, InputRole::weights, &StageInput::role);
    if (weights == stage->inputs.end()) return kinds;
    stage = &graph.stages[weights->stage];
  }
}

const Stage& input_of(const StageGraph& graph, const Stage& stage, InputRole role) {
  return graph.stages[std::ranges::find(stage.inputs, role, &StageInput::role)->stage];
}

TEST(RepairSweep, WhatFollowsACutBeginsWithRepairedWeights) {
  const StageGraph graph = repair_graph({"prune.repair=refit"});
  ASSERT_EQ(graph.trials.size(), 4U);
  for (const std::size_t trial : {0U, 1U, 2U})  // the method, random masks, shuffled masks
    EXPECT_THAT(kinds_on_the_way_to(graph, graph.trials[trial].evaluate),
                ElementsAre("init", "train", "repair", "train", "evaluate"))
        << trial;
  EXPECT_THAT(kinds_on_the_way_to(graph, graph.trials[3].evaluate), ElementsAre("init", "train", "evaluate"))
      << "reinit";
  for (const TrialStages& trial : graph.trials) {
    const Stage& retrained = input_of(graph, graph.stages[trial.evaluate], InputRole::weights);
    const Stage& before = input_of(graph, retrained, InputRole::weights);
    if (before.kind != StageKind::repair) continue;
    EXPECT_EQ(&input_of(graph, before, InputRole::masks), &graph.stages[*trial.masks]) << "for the masks that it has";
    const RepairSpec spec = parse_spec<RepairSpec>(*before.spec);
    EXPECT_TRUE(spec.refit);
    EXPECT_FALSE(spec.bn_stats);
    EXPECT_EQ(spec.batches, 8);
    EXPECT_EQ(spec.batch_size, 100);
    EXPECT_EQ(spec.damping, 0.01);
    EXPECT_TRUE(before.dataset_path == nullptr);
  }
}

TEST(RepairSweep, EveryRoundIsRepaired) {
  const std::vector<std::string> rounds{"prune.repair=refit", "prune.schedule={iterative: {rounds: 2}}",
                                        "controls=[random]"};
  const StageGraph graph = repair_graph(rounds);
  for (const TrialStages& trial : graph.trials)
    EXPECT_THAT(kinds_on_the_way_to(graph, trial.evaluate),
                ElementsAre("init", "train", "repair", "train", "repair", "train", "evaluate"));
  std::vector<std::string> untrained = rounds;
  untrained.emplace_back("retrain=none");
  const StageGraph plain = repair_graph(untrained);
  for (const TrialStages& trial : plain.trials)
    EXPECT_THAT(kinds_on_the_way_to(plain, trial.evaluate),
                ElementsAre("init", "train", "repair", "repair", "evaluate"));
}

TEST(RepairSweep, ItIsAnAxisWhoseTrialsShareTheirMasks) {
  const auto trials = trials_of(kRepairSweep, {"prune.repair=[none, refit]", "controls=[random]"});
  ASSERT_EQ(trials.size(), 4U);
  EXPECT_EQ(trials[0].config->variant, "prune.repair=none");
  EXPECT_EQ(trials[2].config->variant, "prune.repair=refit");
  const StageGraph graph = build_stage_graph(trials);
  EXPECT_EQ(graph.trials[0].masks, graph.trials[2].masks);
  EXPECT_EQ(graph.trials[1].masks, graph.trials[3].masks);
  EXPECT_NE(trials[0].key, trials[2].key);
}

TEST(RepairSweep, NoneIsAsIfNothingWasSaid) {
  const auto plain = trials_of(kRepairSweep), none = trials_of(kRepairSweep, {"prune.repair=none"});
  ASSERT_EQ(plain.size(), none.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i].key, none[i].key);
}

TEST(RepairSweep, BothMayBeAskedFor) {
  const auto trials = trials_of(kRepairSweep, {"model=vgg-11-bn", "dataset=cifar10",
                                               "prune.repair={refit: true, bn_stats: true, batches: 4, batch_size: 50, "
                                               "damping: 0.1}"});
  EXPECT_EQ(trials[0].config->prune->repair, (RepairRule{true, true, 4, 50, 0.1}));
}

TEST(RepairSweep, WhatCannotBeRepairedIsSaidBeforeAnyTraining) {
  const auto problem = [](const std::vector<std::string>& overrides, const std::string& text) {
    EXPECT_THAT(problems(kRepairSweep, overrides), testing::Contains(HasSubstr(text))) << overrides.front();
  };
  problem({"prune.repair=refitt"}, "prune.repair: unknown \"refitt\"");
  problem({"prune.repair={}"}, "repairs nothing");
  problem({"prune.repair={refit: false, batches: 3}"}, "repairs nothing");
  problem({"prune.repair={bn_stats: true, damping: 0.1}"}, "is not used: it belongs to refit");
  problem({"prune.repair={refit: true, damping: -1}"}, "damping");
  problem({"prune.repair={refit: true, rounds: 2}"}, "rounds");
  problem({"prune.repair=refit", "prune.granularity=filter", "controls=[random]"},
          "granularity filter l2 removes none; use channel or head");
  problem({"prune.repair=bn_stats"}, "lenet-5 has none; use refit or none");
  problem({"prune.repair=refit", "retrain={rewind: {to: init}}"},
          "retrain rewind init trains others; use none, or finetune");
  problem({"prune.repair=refit", "prune.schedule={cubic: {end: 100it, every: 50it}}", "controls=[random]"},
          "the schedule prunes inside the training, which goes on at once; use none");
  problem({"prune.repair={refit: true, batches: 10000}"}, "looks at 1000000 examples, more than the");
  problem({"prune.repair={bn_stats: true, batch_size: 1}", "model=vgg-11-bn", "dataset=cifar10"},
          "needs batches of at least 2 examples");
}

TEST(RepairSweep, UnitsThatLeaveInsideTheTrainingStayMasked) {
  EXPECT_THAT(problems(kRepairSweep,
                       {"prune.schedule={cubic: {end: 100it, every: 50it}}", "compute=shrunk", "controls=[random]"}),
              testing::Contains(HasSubstr("the schedule prunes inside the training, which keeps its masks; use another "
                                          "schedule, or auto")));
}

}  // namespace
}  // namespace espalier
