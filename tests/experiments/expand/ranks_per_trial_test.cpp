#include <set>

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kRanksSweep =
    "sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\n"
    "prune: {method: magnitude, sparsity: 0.9, schedule: {iterative: {rounds: 2}}}\n"
    "controls: [shuffle]\nretrain: {finetune: {epochs: 1}}\n";

std::vector<StageKey> keys(const StageGraph& graph) {
  std::vector<StageKey> keys;
  for (const Stage& stage : graph.stages) keys.push_back(stage.key);
  return keys;
}

StageGraph graph_with_ranks(const std::string& ranks, const std::vector<std::string>& overrides = {}) {
  return build_stage_graph(trials_of(kRanksSweep + ranks, overrides));
}

TEST(RanksPerTrial, every_training_asks_for_them_and_nothing_else_does) {
  for (const std::string retrain :
       {"{finetune: {epochs: 1}}", "{rewind: {to: 500it}}", "{lr_rewind: {epochs: 2}}", "scratch_e"}) {
    const StageGraph graph = graph_with_ranks("ranks_per_trial: 4\n", {"retrain=" + retrain});
    int trainings = 0;
    for (const Stage& stage : graph.stages) {
      const bool training = stage.kind == StageKind::train;
      EXPECT_EQ(stage.ranks, training ? 4 : 1) << stage.label;
      if (!training) continue;
      ++trainings;
      EXPECT_EQ(parse_spec<TrainSpec>(*stage.spec).ranks, 4) << stage.label;
    }
    EXPECT_GE(trainings, 4) << retrain;
  }
  const StageGraph gradual =
      graph_with_ranks("ranks_per_trial: 4\n", {"prune.schedule={cubic: {end: 2ep, every: 100it}}"});
  for (const Stage& stage : gradual.stages) EXPECT_EQ(stage.ranks, stage.kind == StageKind::train ? 4 : 1);
}

TEST(RanksPerTrial, another_number_is_another_training) {
  EXPECT_EQ(keys(graph_with_ranks("")), keys(graph_with_ranks("ranks_per_trial: 1\n")));
  const StageGraph graph = graph_with_ranks("ranks_per_trial: [1, 2]\n", {"prune.sparsity=0.5"});
  std::multiset<int> ranks;
  for (const Stage& stage : graph.stages) {
    if (stage.kind == StageKind::train && parse_spec<TrainSpec>(*stage.spec).phase == 0) ranks.insert(stage.ranks);
  }
  EXPECT_EQ(ranks, (std::multiset<int>{1, 2}));
  EXPECT_EQ(graph.stages.front().kind, StageKind::init);  // which both begin with
  EXPECT_THAT(described(trials_of("sweep: s\ndataset: mnist\nmodel: lenet-5\nseeds: 1\n"
                                  "train: {lr: 0.1, epochs: 1}\nranks_per_trial: [1, 2]\n")),
              ElementsAre("dense seed 0 [ranks_per_trial=1]", "dense seed 0 [ranks_per_trial=2]"));
}

TEST(RanksPerTrial, they_share_every_batch_equally) {
  EXPECT_THAT(problems(kRanksSweep + "ranks_per_trial: 60\n"), IsEmpty());
  EXPECT_THAT(problems(kRanksSweep + "ranks_per_trial: 8\n"),
              ElementsAre("s.yaml:9:18: ranks_per_trial: batch_size 60 is no multiple of the 8 ranks of "
                          "ranks_per_trial, which share it"));
  EXPECT_THAT(problems(kRanksSweep + "ranks_per_trial: 4\n", {"retrain={finetune: {epochs: 1, batch_size: 50}}"}),
              ElementsAre("--set retrain: retrain: batch_size 50 is no multiple of the 4 ranks of ranks_per_trial, "
                          "which share it"));
  for (const std::string ranks : {"0", "1025", "two"}) {
    const auto found = problems(kRanksSweep + "ranks_per_trial: " + ranks + "\n");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_TRUE(found[0].starts_with("s.yaml:9:18: ranks_per_trial: expected an integer from 1 to 1024")) << found[0];
  }
}

}  // namespace
}  // namespace espalier
