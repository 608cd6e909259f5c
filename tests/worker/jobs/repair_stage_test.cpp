// Repairs between a prune and what follows.
#include <iostream>

#include <ATen/ATen.h>

#include "base/files.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/named_tensors.h"

namespace espalier {
namespace {

class RepairStage : public JobTest {
 protected:
  JobStage repair(const std::string& name, RepairRule rule, const std::string& weights) const {
    rule.batches = 8;
    rule.batch_size = 50;
    JobStage stage;
    stage.key = key(name);
    stage.kind = StageKind::repair;
    stage.spec = canonical_json(RepairSpec{rule, model_, dataset_});
    stage.inputs = {{InputRole::weights, key(weights)}, {InputRole::masks, key("mask")}};
    return stage;
  }
  /// Of a network that learned for `steps` steps and kept so many of its channels.
  void prune_trained(std::int64_t steps, std::int64_t channels) const {
    PruneSpec spec = prune_spec("magnitude", channels);
    spec.granularity = "channel l2";
    done({init("init"), train("dense", train_spec(steps), "init"), prune("mask", spec, "dense")});
  }
  Evaluation cut_network(const std::string& name, const std::string& weights) const {
    JobStage stage = evaluate(name, weights);
    stage.inputs.emplace_back(InputRole::masks, key("mask"));
    const Evaluation evaluation = *done({stage}).evaluation;
    std::cout << name << ": accuracy " << evaluation.accuracy() << ", loss " << evaluation.loss() << "\n";
    return evaluation;
  }
  NamedTensors weights_of(const std::string& name) const {
    return from_file(parse_safetensors(read_file(artifact(name), 1 << 30), name), at::kCPU);
  }
};

constexpr RepairRule kRefit{true, false, 0, 0, 0.01}, kStatistics{false, true, 0, 0, 0};

TEST_F(RepairStage, ARefitNetworkIsBetterRightAfterTheCut) {
  prune_trained(120, 100);  // of 400
  const StageOutcome outcome = done({repair("refit", kRefit, "dense")});
  ASSERT_EQ(outcome.metrics.size(), 1U);
  EXPECT_EQ(outcome.metrics[0].name, "refit_error");
  EXPECT_LT(outcome.metrics[0].value, 0.9);
  const Evaluation plain = cut_network("cut", "dense"), refit = cut_network("cut-refit", "refit");
  EXPECT_LT(refit.loss(), plain.loss());
  EXPECT_GE(refit.accuracy(), plain.accuracy() - 0.02);
}

TEST_F(RepairStage, StatisticsAreTheCutNetworks) {
  model_ = {"resnet-20", {1, 28, 28}, 10};
  prune_trained(1, 200);  // of 448
  done({repair("statistics", kStatistics, "dense")});
  const NamedTensors before = weights_of("dense"), after = weights_of("statistics");
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_EQ(before[i].first, after[i].first);
    const bool is_running = before[i].first.find("running") != std::string::npos;
    if (is_running && !at::equal(before[i].second, after[i].second)) ++changed;
    EXPECT_TRUE(after[i].second.isfinite().all().item<bool>()) << after[i].first;
  }
  EXPECT_EQ(changed, 2 * 21) << "means and variances of 21 norms";
}

TEST_F(RepairStage, TheSameBitsEveryTime) {
  prune_trained(12, 200);
  const StageOutcome first = done({repair("refit", kRefit, "dense")});
  EXPECT_EQ(done({repair("refit", kRefit, "dense")}).artifact_sha256, first.artifact_sha256);
}

TEST_F(RepairStage, NothingToRepairIsRefused) {
  prune_trained(1, 200);
  const Run failed = run({repair("refit", {}, "dense")});
  ASSERT_TRUE(failed.outcomes.back().failure);
  EXPECT_EQ(failed.outcomes.back().failure->kind, ErrorKind::invalid_input);
}

}  // namespace
}  // namespace espalier
