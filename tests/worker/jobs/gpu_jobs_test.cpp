// Jobs on a GPU, beside the same on the CPU.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <sys/resource.h>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/worker/device_under_test.h"
#include "tests/worker/jobs/job_test.h"
#include "tests/worker/torchscript/script_module_file.h"
#include "worker/inspection/script_facts.h"

namespace espalier {
namespace {

constexpr std::int64_t kGpuEnd = 40;

class GpuJobs : public JobTest {
 protected:
  void SetUp() override { ESPALIER_NEEDS_DEVICE_UNDER_TEST(); }

  /// Each device has a store of its own, unless one is named.
  StageOutcome on_cpu(std::vector<JobStage> stages, const std::string& store = "cpu") {
    device_ = "cpu";
    return done(std::move(stages), store);
  }
  StageOutcome on_device(std::vector<JobStage> stages, const std::string& store = "device") {
    device_ = device_under_test();
    return done(std::move(stages), store);
  }

  /// Runs the stage until the first report at or after this step.
  void stop_at(const JobStage& stage, std::int64_t step, const std::string& device, const std::string& store) {
    device_ = device;
    JobRunner runner(settings(store));
    std::atomic<bool> stop = false;
    JobCallbacks callbacks;
    callbacks.on_progress = [&](const StageProgress& progress) { stop = stop || progress.step >= step; };
    EXPECT_EQ(runner.run_job({1, {stage}}, stop, callbacks), JobEnd::interrupted);
  }

  /// Two trainings of the same weights whose sums were rounded otherwise. Losses, in parts of themselves: a hundred
  /// times what two kernels of OpenBLAS differ by.
  static void expect_near(const StageOutcome& one, const StageOutcome& other, double tolerance = 2e-4) {
    EXPECT_EQ(one.steps, other.steps);
    EXPECT_EQ(one.diverged, other.diverged);
    std::map<std::pair<std::string, std::int64_t>, double> points;
    for (const MetricPoint& point : other.metrics) points[{point.name, point.step}] = point.value;
    for (const MetricPoint& point : one.metrics) {
      const auto found = points.find({point.name, point.step});
      if (point.name == "test_accuracy") continue;  // there only where the validation loss was the least so far
      ASSERT_NE(found, points.end()) << point.name << " at step " << point.step;
      const double allowed = point.name.ends_with("accuracy") ? 0.03 : tolerance * std::abs(found->second);
      EXPECT_NEAR(point.value, found->second, allowed) << point.name << " at step " << point.step;
    }
    ASSERT_TRUE(one.best_validation_loss && other.best_validation_loss);
    EXPECT_NEAR(*one.best_validation_loss, *other.best_validation_loss, tolerance * *other.best_validation_loss);
  }

  std::map<std::string, std::vector<std::uint8_t>> masks_of(const std::string& name, const std::string& store) const {
    std::map<std::string, std::vector<std::uint8_t>> masks;
    const std::string bytes = read_file(artifact(name, store), 1 << 30);
    for (const TensorBytes& tensor : parse_safetensors(bytes, name).tensors) {
      if (tensor.type == TensorType::u8) masks[tensor.name] = {tensor.bytes.begin(), tensor.bytes.end()};
    }
    return masks;
  }
  static std::int64_t differing(const std::map<std::string, std::vector<std::uint8_t>>& some,
                                const std::map<std::string, std::vector<std::uint8_t>>& others) {
    std::int64_t differ = 0;
    EXPECT_EQ(some.size(), 3U);
    for (const auto& [layer, mask] : some) {
      const std::vector<std::uint8_t>& other = others.at(layer);
      EXPECT_EQ(mask.size(), other.size()) << layer;
      for (std::size_t i = 0; i < std::min(mask.size(), other.size()); ++i) differ += mask[i] != other[i];
    }
    return differ;
  }
  TrainSpec convolutional(std::int64_t end_step) {
    model_.name = "lenet-5";
    return train_spec(end_step);
  }
  /// Batch norms, residuals; four small batches.
  TrainSpec residual() {
    model_.name = "resnet-20";
    TrainSpec spec = train_spec(4);
    spec.optimizer.name = "sgd";
    spec.optimizer.lr = 0.01;
    spec.optimizer.momentum = 0.9;
    spec.batch_size = 20;
    spec.eval_every = 4;
    return spec;
  }
};

TEST_F(GpuJobs, WeightsAreDrawnTheSame) {
  EXPECT_EQ(on_device({init("init")}).artifact_sha256, on_cpu({init("init")}).artifact_sha256);
}

TEST_F(GpuJobs, TrainingGoesAsOnTheCpu) {
  for (const char* optimizer : {"sgd", "adam"}) {
    SCOPED_TRACE(optimizer);
    TrainSpec spec = train_spec(kGpuEnd);
    spec.optimizer.name = optimizer;
    spec.optimizer.lr = optimizer == std::string("sgd") ? 0.05 : 1e-3;
    spec.optimizer.momentum = 0.9;
    spec.optimizer.weight_decay = 1e-4;
    const std::vector<JobStage> stages{init("init"), train(std::string("end ") + optimizer, spec, "init")};
    expect_near(on_device(stages), on_cpu(stages));
  }
}

TEST_F(GpuJobs, ConvolutionsTrainAsOnTheCpu) {
  TrainSpec spec = convolutional(20);
  spec.augment = "crop_flip";
  const std::vector<JobStage> stages{init("init"), train("end", spec, "init")};
  expect_near(on_device(stages), on_cpu(stages));
}

TEST_F(GpuJobs, BatchNormsTrainAsOnTheCpu) {
  const TrainSpec spec = residual();
  const std::vector<JobStage> stages{init("init"), train("end", spec, "init")};
  expect_near(on_device(stages), on_cpu(stages), 5e-3);  // a norm of few examples magnifies
}

TEST_F(GpuJobs, TheSameNetworkIsEvaluatedAlike) {
  const TrainSpec spec = convolutional(24);
  on_cpu({init("init"), train("end", spec, "init")});
  const StageOutcome here = on_cpu({evaluate("here", "end")}), there = on_device({evaluate("there", "end")}, "cpu");
  EXPECT_GT(here.evaluation->accuracy(), 0.3);
  EXPECT_NEAR(there.evaluation->loss(), here.evaluation->loss(), 1e-4 * here.evaluation->loss());
  EXPECT_NEAR(there.evaluation->accuracy(), here.evaluation->accuracy(), 0.01);
}

TEST_F(GpuJobs, TheSameNetworkIsPrunedAlike) {
  on_cpu({init("init"), train("dense", train_spec(24), "init")});
  for (const char* criterion : {"magnitude", "random", "snip"}) {
    SCOPED_TRACE(criterion);
    const std::string name = criterion;
    const PruneSpec spec = prune_spec(name, 26620);
    const StageOutcome here = on_cpu({prune(name + " here", spec, "dense")});
    const StageOutcome there = on_device({prune(name + " there", spec, "dense")}, "cpu");
    std::int64_t kept = 0;
    for (const LayerCount& layer : there.layers) kept += layer.kept;
    EXPECT_EQ(kept, 26620);
    const std::int64_t differ = differing(masks_of(name + " here", "cpu"), masks_of(name + " there", "cpu"));
    EXPECT_LE(differ, name == "snip" ? 266 : 0);  // of a hundredth of what stays
  }
  on_device({shuffle("shuffled there", "snip here")}, "cpu");
  on_cpu({shuffle("shuffled here", "snip here")});
  EXPECT_EQ(differing(masks_of("shuffled here", "cpu"), masks_of("shuffled there", "cpu")), 0);
  EXPECT_GT(differing(masks_of("shuffled here", "cpu"), masks_of("snip here", "cpu")), 0);
}

TEST_F(GpuJobs, PruningWhileTrainingKeepsTheCounts) {
  TrainSpec spec = train_spec(kGpuEnd);
  GradualSpec& gradual = spec.gradual.emplace();
  gradual.prune = prune_spec("magnitude", 0);
  gradual.first_step = 5;
  gradual.every = 10;
  gradual.targets = {{200000}, {100000}, {26620}};
  const std::vector<JobStage> stages{init("init"), train("end", spec, "init")};
  const StageOutcome there = on_device(stages);
  std::int64_t kept = 0;
  for (const LayerCount& layer : there.layers) kept += layer.kept;
  EXPECT_EQ(kept, 26620);
  expect_near(there, on_cpu(stages));
}

TEST_F(GpuJobs, ARepeatAndAResumeGiveTheSameBits) {
  const TrainSpec spec = convolutional(30);
  const JobStage end = train("end", spec, "init");
  const StageOutcome whole = on_device({init("init"), end}, "once");
  const StageOutcome again = on_device({init("init"), end}, "again");
  EXPECT_EQ(again.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(again, whole);
  on_device({init("init")}, "cut");
  stop_at(end, 12, device_under_test(), "cut");
  const StageOutcome resumed = on_device({end}, "cut");
  EXPECT_GT(resumed.first_step, 0);
  EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(resumed, whole);
}

// It goes on where it was: up to there its curve is of the bits of the device that it left.
TEST_F(GpuJobs, ATrainingMayMoveToAnotherDevice) {
  const TrainSpec spec = train_spec(kGpuEnd);
  const JobStage end = train("end", spec, "init");
  for (const bool to_device : {true, false}) {
    SCOPED_TRACE(to_device ? "from the CPU" : "to the CPU");
    const std::string from = to_device ? "cpu" : device_under_test();
    const StageOutcome whole = to_device ? on_cpu({init("init"), end}) : on_device({init("init"), end});
    const std::string store = to_device ? "to device" : "to cpu";
    on_cpu({init("init")}, store);
    stop_at(end, 20, from, store);
    const StageOutcome moved = to_device ? on_device({end}, store) : on_cpu({end}, store);
    EXPECT_GE(moved.first_step, 20);
    EXPECT_LT(moved.first_step, kGpuEnd);
    ASSERT_EQ(moved.metrics.front().step, 5);
    for (std::size_t i = 0; i < moved.metrics.size() && moved.metrics[i].step <= 20; ++i)
      EXPECT_EQ(moved.metrics[i].value, whole.metrics[i].value) << moved.metrics[i].name;
    expect_near(moved, whole);
  }
}

TEST_F(GpuJobs, ADeviceBeyondTheLastIsRefused) {
  if (device_under_test() == "cpu") GTEST_SKIP() << "the CPU has no number";
  device_ = "cuda:100";
  const Run result = run({init("init")});
  ASSERT_EQ(result.outcomes.size(), 1U);
  ASSERT_TRUE(result.outcomes[0].failure);
  EXPECT_EQ(result.outcomes[0].failure->kind, ErrorKind::invalid_input);
  EXPECT_NE(result.outcomes[0].failure->message.find("has no \"cuda:100\""), std::string::npos)
      << result.outcomes[0].failure->message;
}

/// Nothing else runs on the GPU beside these.
class GpuFullMemory : public GpuJobs {
 protected:
  GpuFullMemory() { ::getrlimit(RLIMIT_DATA, &before_); }
  ~GpuFullMemory() override { ::setrlimit(RLIMIT_DATA, &before_); }

  rlimit before_{};
};

TEST_F(GpuFullMemory, IsAFailureOfItsOwnAndTheNextJobHasRoom) {
  const bool on_gpu = device_under_test() != "cpu";
  std::filesystem::create_directories(folder_);
  write_poison(folder_ / "poison.pt", Poison::fills_memory);
  const ModelSpec innocent = model_;
  ModelSpec scripted{"", {1, 28, 28}, 10};
  scripted.file = describe_script(folder_ / "poison.pt", scripted.input, scripted.classes);
  device_ = device_under_test();
  WorkerSettings limited = settings();
  limited.memory = {std::int64_t{1} << 30, std::int64_t{3} << 29};  // of the CPU's alone
  JobRunner runner(limited);
  std::optional<Failure> failure;
  JobCallbacks callbacks;
  callbacks.on_outcome = [&](const StageOutcome& outcome) { failure = outcome.failure; };
  const std::atomic<bool> stop = false;
  const auto run_both = [&](const ModelSpec& model, const char* scheme, const char* path) {
    model_ = model;
    JobStage first = init(scheme), second = train(std::string("trained ") + scheme, train_spec(5), scheme);
    first.spec = canonical_json(InitSpec{model_, scheme, "init"});
    if (*path != '\0') first.model_path = second.model_path = (folder_ / path).string();
    return runner.run_job({1, {first, second}}, stop, callbacks);
  };
  ASSERT_EQ(run_both(innocent, "glorot_normal", ""), JobEnd::finished);
  ASSERT_EQ(run_both(scripted, "as_scripted", "poison.pt"), JobEnd::failed);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::exhausted) << failure->message;
  EXPECT_EQ(failure->cause, on_gpu ? LossCause::oom_gpu : LossCause::oom_host) << failure->message;
  EXPECT_NE(failure->message.find(on_gpu ? "run fewer workers on this device" : "--memory-per-rank"), std::string::npos)
      << failure->message;
  EXPECT_EQ(run_both(innocent, "kaiming_normal", ""), JobEnd::finished);
}

}  // namespace
}  // namespace espalier
