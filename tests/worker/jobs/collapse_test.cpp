#include <gmock/gmock.h>

#include "tests/worker/jobs/job_test.h"

// A network without a path from input to output is a result with a name, not a mystery of 10 %.

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Collapse : public JobTest {
 protected:
  /// A job of init, a prune that keeps these counts by layer, and a training and evaluation under its masks.
  std::vector<StageOutcome> outcomes_with(const std::vector<std::int64_t>& kept) const {
    PruneSpec spec = prune_spec("magnitude", 0);
    spec.target.layer_kept = kept;
    for (const std::int64_t count : kept) spec.target.total_kept += count;
    JobStage retrain = train("retrain", train_spec(12), "init");
    retrain.inputs.emplace_back(InputRole::masks, key("masks"));
    retrain.keep_resume_state = true;
    JobStage result = evaluate("result", "retrain");
    result.inputs.emplace_back(InputRole::masks, key("masks"));
    Run all = run({init("init"), prune("masks", spec, "init"), retrain, result});
    EXPECT_EQ(all.end, JobEnd::finished);
    return std::move(all.outcomes);
  }
};

TEST_F(Collapse, AnEmptiedLayerIsWarnedOfAndNothingIsTrained) {
  const std::vector<StageOutcome> outcomes = outcomes_with({20000, 0, 500});
  ASSERT_EQ(outcomes.size(), 4U);
  const StageOutcome& pruned = outcomes[1];
  EXPECT_EQ(pruned.connectivity, (Connectivity{false, 300 + 100 + 10, 0}));
  EXPECT_THAT(pruned.warnings, ElementsAre(HasSubstr("fc2 is empty"), HasSubstr("collapsed")));
  EXPECT_EQ(pruned.layers[0].kept, 20000);
  EXPECT_EQ(pruned.layers[0].effective, 0);
  EXPECT_TRUE(outcomes[2].collapsed);
  EXPECT_EQ(outcomes[2].steps, 0);
  EXPECT_FALSE(outcomes[2].diverged);
  EXPECT_TRUE(outcomes[2].metrics.empty());
  // Every class in turn, and zero logits for all: the first of ten is right one time in ten.
  EXPECT_NEAR(outcomes[3].evaluation->accuracy(), 0.1, 0.05);
}

TEST_F(Collapse, AThinNetworkIsTrainedAndSaysWhatOfItCounts) {
  const std::vector<StageOutcome> outcomes = outcomes_with({2000, 500, 100});
  const StageOutcome& pruned = outcomes[1];
  EXPECT_TRUE(pruned.connectivity->connected);
  EXPECT_TRUE(pruned.warnings.empty());
  std::int64_t effective = 0;
  for (const LayerCount& layer : pruned.layers) {
    EXPECT_LE(layer.effective, layer.kept);
    effective += layer.effective;
  }
  EXPECT_EQ(effective, pruned.connectivity->effective_kept);
  EXPECT_GT(effective, 0);
  EXPECT_FALSE(outcomes[2].collapsed);
  EXPECT_EQ(outcomes[2].steps, 12);
}

TEST_F(Collapse, AGradualPruneThatCollapsesEndsItsTrainingThere) {
  done({init("init")});
  TrainSpec spec = train_spec(24);
  GradualSpec& gradual = spec.gradual.emplace();
  gradual.prune = prune_spec("magnitude", 0);
  gradual.first_step = 6;
  gradual.every = 6;
  for (const std::vector<std::int64_t>& kept :
       {std::vector<std::int64_t>{45000, 4500, 500}, std::vector<std::int64_t>{45000, 0, 0}}) {
    PruneTarget& target = gradual.targets.emplace_back();
    target.layer_kept = kept;
    target.total_kept = kept[0] + kept[1] + kept[2];
  }
  const StageOutcome trained = done({train("gradual", spec, "init")});
  EXPECT_TRUE(trained.collapsed);
  EXPECT_EQ(trained.steps, 12);  // the second prune, before the thirteenth step
  ASSERT_TRUE(trained.connectivity);
  EXPECT_FALSE(trained.connectivity->connected);
  EXPECT_EQ(trained.layers[0].kept, 45000);
}

}  // namespace
}  // namespace espalier
