#include <gmock/gmock.h>

#include "tests/worker/jobs/job_test.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class Sensitivity : public JobTest {
 protected:
  JobStage sensitivity(const std::string& name, const std::string& criterion) const {
    SensitivitySpec spec;
    spec.prune = prune_spec(criterion, 0);
    spec.prune.dataset = dataset_;
    spec.prune.batches = 4;
    spec.prune.batch_size = 50;
    spec.sparsities = {0.5, 0.9, 0.99};
    JobStage stage;
    stage.key = key(name);
    stage.kind = StageKind::sensitivity;
    stage.spec = canonical_json(spec);
    stage.inputs = {{InputRole::weights, key("dense")}};
    return stage;
  }
};

TEST_F(Sensitivity, EachLayerAloneHasACurveThatBeginsAtTheDenseLoss) {
  done({init("init"), train("dense", train_spec(60), "init")});
  const StageOutcome outcome = done({sensitivity("curves", "magnitude")});
  ASSERT_EQ(outcome.sensitivity.size(), 3U * 4U);
  for (std::size_t i = 0; i < 12; i += 4) {
    EXPECT_EQ(outcome.sensitivity[i].sparsity, 0);
    EXPECT_EQ(outcome.sensitivity[i].kept, outcome.sensitivity[i].units);
    EXPECT_EQ(outcome.sensitivity[i].loss, outcome.sensitivity[0].loss);
  }
  EXPECT_EQ(outcome.sensitivity[1].scope, "fc1");
  EXPECT_EQ(outcome.sensitivity[1].kept, 117600);
  EXPECT_EQ(outcome.sensitivity[11].scope, "fc3");
  EXPECT_EQ(outcome.sensitivity[11].kept, 10);
  EXPECT_GT(outcome.sensitivity[11].loss, outcome.sensitivity[9].loss);  // 99 % hurts more than 50 %
  EXPECT_FALSE(outcome.artifact_sha256.empty());
  EXPECT_EQ(done({sensitivity("again", "magnitude")}).sensitivity, outcome.sensitivity);
}

TEST_F(Sensitivity, APruneSpreadsItsBudgetByTheCurves) {
  done({init("init"), train("dense", train_spec(60), "init"), sensitivity("curves", "magnitude")});
  JobStage pruned = prune("masks", prune_spec("magnitude", 20000), "dense");
  pruned.inputs.emplace_back(InputRole::sensitivity, key("curves"));
  const StageOutcome outcome = done({pruned});
  std::int64_t kept = 0;
  for (const LayerCount& layer : outcome.layers) {
    EXPECT_EQ(layer.kept, layer.requested);
    kept += layer.kept;
  }
  EXPECT_EQ(kept, 20000);
  const auto density = [&](std::size_t i) {
    return static_cast<double>(outcome.layers[i].kept) / static_cast<double>(outcome.layers[i].total);
  };
  EXPECT_GT(density(2), density(0));  // the last layer bears least
  // A second round keeps part of the first.
  JobStage second = prune("second", prune_spec("magnitude", 5000), "dense");
  second.inputs = {
      {InputRole::masks, key("masks")}, {InputRole::sensitivity, key("curves")}, {InputRole::weights, key("dense")}};
  const StageOutcome fewer = done({second});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_LE(fewer.layers[i].kept, outcome.layers[i].kept);
}

TEST_F(Sensitivity, NeedsDataToMeasureTheLoss) {
  done({init("init"), train("dense", train_spec(12), "init")});
  JobStage stage = sensitivity("curves", "magnitude");
  SensitivitySpec spec = parse_spec<SensitivitySpec>(stage.spec);
  spec.prune.dataset.reset();
  spec.prune.batches = 0;
  stage.spec = canonical_json(spec);
  const Run result = run({stage});
  ASSERT_EQ(result.outcomes.size(), 1U);
  EXPECT_EQ(result.outcomes[0].failure->kind, ErrorKind::invalid_input);
  EXPECT_THAT(result.outcomes[0].failure->message, HasSubstr("needs batches"));
}

}  // namespace
}  // namespace espalier
