#include <algorithm>
#include <atomic>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "experiments/models/model_description.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

constexpr std::int64_t kGradualEnd = 40;

class Gradual : public JobTest {
 protected:
  /// From 200,000 weights before step 5 to 26,620 before step 25.
  TrainSpec spec() const {
    TrainSpec spec = train_spec(kGradualEnd);
    GradualSpec& gradual = spec.gradual.emplace();
    gradual.prune = prune_spec("magnitude", 0);
    gradual.first_step = 5;
    gradual.every = 10;
    gradual.targets = {{200000}, {100000}, {26620}};
    return spec;
  }

  JobStage evaluate_with_masks(const std::string& name, const std::string& trained) const {
    JobStage stage = evaluate(name, trained);
    stage.inputs.emplace_back(InputRole::masks, key(trained));
    return stage;
  }
};

TEST_F(Gradual, AStateThatDoesNotFitLeavesNoMasksBehind) {
  const ResidentDataset data(load_dataset(dataset_, "", {}), dataset_, at::Device(at::kCPU));
  const TrainSpec gradual = spec();
  const ModelDescription model = describe_model(gradual.model);
  InitSpec init;
  init.scheme = "kaiming_normal";
  init.stream = "init";
  Network network(model, at::Device(at::kCPU));
  initialize(network, init, 5);
  Trainer trainer(gradual, 5, network, data);
  for (int step = 0; step < 10; ++step) trainer.take_step();
  NamedTensors saved = trainer.tensors();
  std::erase_if(saved, [](const auto& entry) { return entry.first == "fc3.weight"; });

  Network other(model, at::Device(at::kCPU));
  initialize(other, init, 5);
  Trainer beginner(gradual, 5, other, data);
  EXPECT_THROW(beginner.restore(trainer.state(), saved), Error);
  for (const auto& [name, mask] : other.masks()) EXPECT_TRUE(mask.all().item<bool>()) << name;
}

TEST_F(Gradual, LeavesExactMasksBesideTheWeights) {
  const StageOutcome outcome = done({init("init"), train("end", spec(), "init")});
  std::int64_t kept = 0;
  for (const LayerCount& layer : outcome.layers) kept += layer.kept;
  EXPECT_EQ(kept, 26620);
  const std::string bytes = read_file(artifact("end"), 1 << 30);
  std::int64_t zeros = 0, masks = 0;
  for (const TensorBytes& tensor : parse_safetensors(bytes, "end").tensors) {
    if (tensor.name.ends_with(".mask")) {
      masks += std::ranges::count(tensor.bytes, '\1');
    } else if (tensor.name.ends_with(".weight")) {
      const auto* values = reinterpret_cast<const float*>(tensor.bytes.data());
      zeros += std::count(values, values + tensor.bytes.size() / sizeof(float), 0.0F);
    }
  }
  EXPECT_EQ(masks, 26620);
  EXPECT_EQ(zeros, 266200 - 26620);
}

TEST_F(Gradual, AStoppedTrainingEndsAsIfNeverStopped) {
  const StageOutcome whole = done({init("init"), train("end", spec(), "init")}, "uncut");
  done({init("init")});
  const JobStage stage = train("end", spec(), "init");
  for (const std::int64_t step : {1, 20, 30}) {
    JobRunner runner(settings());
    std::atomic<bool> stop = false;
    JobCallbacks callbacks;
    callbacks.on_progress = [&](const StageProgress& progress) { stop = stop || progress.step >= step; };
    EXPECT_EQ(runner.run_job({1, {stage}}, stop, callbacks), JobEnd::interrupted);
  }
  const StageOutcome resumed = done({stage});
  EXPECT_GT(resumed.first_step, 0);
  EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(resumed, whole);
}

TEST_F(Gradual, WhatFollowsReadsWeightsAndMasksFromIt) {
  const StageOutcome outcome =
      done({init("init"), train("end", spec(), "init"), evaluate_with_masks("accuracy", "end")});
  EXPECT_GT(outcome.evaluation->accuracy(), 0.3);
}

}  // namespace
}  // namespace espalier
