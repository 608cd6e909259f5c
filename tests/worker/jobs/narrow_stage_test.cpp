// The control small_dense: a fresh network, evenly narrow, of the multiply-adds that masks leave.
#include <cmath>
#include <cstdlib>

#include <ATen/ATen.h>

#include "base/files.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/named_tensors.h"

namespace espalier {
namespace {

class NarrowStage : public JobTest {
 protected:
  /// 150 of lenet-300-100's 400 hidden units stay.
  std::vector<JobStage> pruned() const {
    PruneSpec spec = prune_spec("magnitude", 150);
    spec.granularity = "channel l2";
    return {init("init"), prune("mask", spec, "init")};
  }
  JobStage narrowed(const std::string& name, std::int64_t align = 1, std::uint64_t seed = 0) const {
    JobStage stage;
    stage.key = key(name);
    stage.kind = StageKind::narrow;
    stage.seed = seed;
    stage.spec = canonical_json(NarrowSpec{model_, "channel l2", "kaiming_normal", align});
    stage.inputs = {{InputRole::masks, key("mask")}};
    return stage;
  }
  NamedTensors tensors(const std::string& name) const {
    const std::string bytes = read_file(artifact(name), 1 << 30);
    return from_file(parse_safetensors(bytes, name), at::kCPU);
  }
  at::Tensor tensor(const std::string& stage, const std::string& name) const {
    for (const auto& [one, found] : tensors(stage))
      if (one == name) return found.clone();
    throw std::out_of_range(name);
  }
  /// Units of a hidden layer of which something is left.
  std::int64_t units(const std::string& stage, const std::string& mask) const {
    return tensor(stage, mask).any(1).sum().item<std::int64_t>();
  }
  static std::int64_t madds(std::int64_t first, std::int64_t second) {
    return 784 * first + first * second + second * 10;
  }
};

TEST_F(NarrowStage, KeepsTheSameShareOfEveryLayerAndAsManyMultiplyAdds) {
  done(pruned());
  const StageOutcome outcome = done({narrowed("small")});
  const std::int64_t wanted = madds(units("mask", "fc1.weight"), units("mask", "fc2.weight"));
  const std::int64_t first = units("small", "fc1.weight.mask"), second = units("small", "fc2.weight.mask");
  EXPECT_NEAR(static_cast<double>(first) / 300, static_cast<double>(second) / 100, 0.005);
  EXPECT_LE(std::abs(madds(first, second) - wanted), madds(first + 1, second) - madds(first, second));
  EXPECT_NE(first, units("mask", "fc1.weight")) << "the method's widths are others";
  EXPECT_TRUE(outcome.connectivity->connected);
  EXPECT_EQ(outcome.layers.at(0).kept, first * 784);
}

// kaiming_normal: sqrt(2 / inputs). Drawn as the whole network's, the weights of fc2 would have sqrt(2 / 300).
TEST_F(NarrowStage, DrawsWeightsAsANetworkOfTheseWidthsDoes) {
  done(pruned());
  done({narrowed("small"), narrowed("again"), narrowed("other", 1, 1)});
  const at::Tensor kept = tensor("small", "fc2.weight").masked_select(tensor("small", "fc2.weight").ne(0));
  const std::int64_t first = units("small", "fc1.weight.mask"), second = units("small", "fc2.weight.mask");
  EXPECT_EQ(kept.numel(), first * second) << "and what read the others is zero";
  EXPECT_NEAR(kept.std().item<double>() / std::sqrt(2.0 / static_cast<double>(first)), 1, 0.05);
  EXPECT_EQ(tensor("small", "fc1.bias").abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(tensor("small", "fc1.weight"), tensor("again", "fc1.weight")));
  EXPECT_FALSE(at::equal(tensor("small", "fc1.weight"), tensor("other", "fc1.weight")));
  EXPECT_TRUE(at::equal(tensor("small", "fc1.weight.mask"), tensor("other", "fc1.weight.mask")));
}

TEST_F(NarrowStage, ItsCountsAreMultiplesWhereTheMethodsAre) {
  done(pruned());
  done({narrowed("small", 8)});
  EXPECT_EQ(units("small", "fc1.weight.mask") % 8, 0);
  EXPECT_EQ(units("small", "fc2.weight.mask") % 8, 0);
}

TEST_F(NarrowStage, WhatItLeavesIsTrainedWithoutTheRest) {
  done(pruned());
  done({narrowed("small")});
  TrainSpec spec = train_spec(24);
  spec.compute = kShrunk;
  JobStage training = train("trained", spec, "small");
  training.inputs.emplace_back(InputRole::masks, key("small"));
  const StageOutcome trained = done({training});
  EXPECT_LT(trained.metrics.back().value, 1e-5) << trained.metrics.back().name;
  EXPECT_EQ(trained.metrics.back().name, "shrunk_difference");
  JobStage evaluated = evaluate("result", "trained");
  evaluated.inputs.emplace_back(InputRole::masks, key("small"));
  EXPECT_GT(done({evaluated}).evaluation->accuracy(), 0.3);
}

TEST_F(NarrowStage, WhereNothingIsRemovedItIsTheWholeNetworkOfThatSeed) {
  PruneSpec all = prune_spec("magnitude", 400);
  all.granularity = "channel l2";
  done({init("init"), prune("mask", all, "init"), narrowed("small")});
  JobStage whole = init("whole");
  whole.spec = canonical_json(InitSpec{model_, "kaiming_normal", "init"});
  done({whole});
  EXPECT_TRUE(at::equal(tensor("small", "fc2.weight"), tensor("whole", "fc2.weight")));
}

}  // namespace
}  // namespace espalier
