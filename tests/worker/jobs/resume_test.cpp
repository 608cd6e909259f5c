#include <atomic>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "experiments/models/model_description.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

// One claim, many disasters: a training that was cut, stopped, or lost its files ends with the bytes of the one that
// was not.

namespace espalier {
namespace {

constexpr std::int64_t kResumedEnd = 40;

class Resume : public JobTest {
 protected:
  /// Runs the stage in a new runner that is stopped at the first progress report at or after `step`: 0 is before
  /// the first step, others are epoch ends.
  JobEnd run_until(const JobStage& stage, std::int64_t step, const std::string& store) const {
    JobRunner runner(settings(store));
    std::atomic<bool> stop = false;
    JobCallbacks callbacks;
    callbacks.on_progress = [&](const StageProgress& progress) { stop = stop || progress.step >= step; };
    callbacks.on_outcome = [](StageOutcome) { ADD_FAILURE() << "an interrupted stage has no outcome"; };
    return runner.run_job({1, {stage}}, stop, callbacks);
  }

  /// The uncut training, in a store of its own.
  StageOutcome uncut(const TrainSpec& spec) const { return done({init("init"), train("end", spec, "init")}, "uncut"); }

  void expect_equal(const StageOutcome& resumed, const StageOutcome& whole) const {
    EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
    expect_equal_metrics(resumed, whole);
  }
};

TEST_F(Resume, StoppedAgainAndAgainEndsAsIfNever) {
  const TrainSpec spec = train_spec(kResumedEnd);
  const StageOutcome whole = uncut(spec);
  EXPECT_EQ(whole.steps, kResumedEnd);
  EXPECT_EQ(whole.metrics.front().step, 5);
  done({init("init")});
  const JobStage stage = train("end", spec, "init");
  for (const std::int64_t step : {0, 1, 20, 30}) {
    EXPECT_EQ(run_until(stage, step, "store"), JobEnd::interrupted);
    EXPECT_TRUE(std::filesystem::exists(checkpoint("end")));
  }
  const StageOutcome resumed = done({stage});
  EXPECT_EQ(resumed.first_step, 36);
  expect_equal(resumed, whole);
}

/// Trains to the end in one go, or in a new network and trainer for every step, with all state through its file format.
std::pair<TrainState, NamedTensors> train_in_pieces(const TrainSpec& spec, const ResidentDataset& data, bool pieces) {
  const at::Device cpu(at::kCPU);
  const ModelDescription model = describe_model(spec.model);
  InitSpec init;
  init.scheme = "kaiming_normal";
  init.stream = "init";
  auto network = std::make_unique<Network>(model, cpu);
  initialize(*network, init, 5);
  auto trainer = std::make_unique<Trainer>(spec, 5, *network, data);
  while (!trainer->finished()) {
    trainer->take_step();
    if (!pieces) continue;
    const std::string state = to_json(trainer->state());
    const std::string file = to_safetensors(to_file(trainer->tensors(), {}).content);
    auto next = std::make_unique<Network>(model, cpu);
    trainer = std::make_unique<Trainer>(spec, 5, *next, data);
    trainer->restore(parse_train_state(state), from_file(parse_safetensors(file, "state"), cpu));
    network = std::move(next);
  }
  return {trainer->state(), trainer->tensors()};
}

// The crops of a step are those of its number: not of who takes it, or of how many were taken before.
TEST_F(Resume, AugmentedStepsAreThoseOfTheUncutTraining) {
  const ResidentDataset data(load_dataset(dataset_, "", {}), dataset_, at::Device(at::kCPU));
  TrainSpec spec = train_spec(30);
  const std::string plain = to_json(train_in_pieces(spec, data, false).first);
  spec.augment = "crop_flip";
  const auto [state, tensors] = train_in_pieces(spec, data, false);
  const auto [pieced_state, pieced_tensors] = train_in_pieces(spec, data, true);
  EXPECT_EQ(to_json(state), to_json(pieced_state));
  EXPECT_EQ(to_safetensors(to_file(tensors, {}).content), to_safetensors(to_file(pieced_tensors, {}).content));
  EXPECT_NE(to_json(state), plain);
  spec.augment = "cutout";
  EXPECT_THROW(train_in_pieces(spec, data, false), Error);
}

TEST_F(Resume, AnAugmentedTrainingStoppedAgainAndAgainEndsAsIfNever) {
  TrainSpec spec = train_spec(kResumedEnd);
  spec.augment = "crop_flip";
  const StageOutcome whole = uncut(spec);
  done({init("init")});
  const JobStage stage = train("end", spec, "init");
  for (const std::int64_t step : {1, 20, 30}) EXPECT_EQ(run_until(stage, step, "store"), JobEnd::interrupted);
  expect_equal(done({stage}), whole);
}

TEST_F(Resume, EveryStepIsAPlaceToStop) {
  const ResidentDataset data(load_dataset(dataset_, "", {}), dataset_, at::Device(at::kCPU));
  for (const char* optimizer : {"sgd", "adam"}) {
    TrainSpec spec = train_spec(30);
    spec.optimizer.name = optimizer;
    spec.optimizer.momentum = 0.9;
    spec.optimizer.nesterov = true;
    spec.optimizer.weight_decay = 1e-4;
    spec.lr_schedule.shape = "cosine";
    spec.lr_schedule.total_steps = 30;
    spec.lr_schedule.warmup_steps = 7;
    const auto [state, tensors] = train_in_pieces(spec, data, false);
    const auto [pieced_state, pieced_tensors] = train_in_pieces(spec, data, true);
    EXPECT_EQ(to_json(state), to_json(pieced_state));
    EXPECT_EQ(to_safetensors(to_file(tensors, {}).content), to_safetensors(to_file(pieced_tensors, {}).content));
  }
}

TEST_F(Resume, ACutTrajectoryEqualsTheUncutOne) {
  const StageOutcome whole = uncut(train_spec(kResumedEnd));
  JobStage cut = train("cut", train_spec(17), "init");
  cut.keep_resume_state = true;
  JobStage rest = train("end", train_spec(kResumedEnd), "init");
  rest.resume_from = key("cut");
  const StageOutcome first = done({init("init"), cut});
  EXPECT_EQ(first.steps, 17);
  const StageOutcome resumed = done({rest});
  EXPECT_EQ(resumed.first_step, 17);
  expect_equal(resumed, whole);
}

TEST_F(Resume, EveryCurveEndsWhereItsTrainingDoes) {
  TrainSpec spec = train_spec(7);
  spec.eval_every = 100;
  const StageOutcome outcome = uncut(spec);
  ASSERT_EQ(outcome.metrics.size(), 5U);
  EXPECT_EQ(outcome.metrics[0].name, "train_loss");
  for (const MetricPoint& point : outcome.metrics) EXPECT_EQ(point.step, 7) << point.name;
  EXPECT_EQ(outcome.metrics[1].value, spec.optimizer.lr);
  EXPECT_EQ(outcome.best_validation_loss, outcome.metrics[2].value);
  EXPECT_EQ(outcome.test_accuracy_at_best_validation, outcome.metrics[4].value);
}

TEST_F(Resume, TheLookAtACutsEndIsNotCarriedOn) {
  const StageOutcome whole = uncut(train_spec(43));
  EXPECT_EQ(whole.metrics.back().step, 43);
  done({init("init")});
  JobStage cut = train("cut", train_spec(17), "init");
  cut.keep_resume_state = true;
  EXPECT_EQ(run_until(cut, 12, "store"), JobEnd::interrupted);
  const StageOutcome first = done({cut});
  EXPECT_EQ(first.metrics.back().step, 17);
  expect_equal(done({cut}), first);
  JobStage rest = train("end", train_spec(43), "init");
  rest.resume_from = key("cut");
  EXPECT_EQ(run_until(rest, 30, "store"), JobEnd::interrupted);
  const StageOutcome resumed = done({rest});
  for (const MetricPoint& point : resumed.metrics) EXPECT_NE(point.step, 17);
  expect_equal(resumed, whole);
  expect_equal(done({rest}), whole);
}

TEST_F(Resume, WithoutTheKeptStateItStartsOver) {
  const StageOutcome whole = uncut(train_spec(kResumedEnd));
  JobStage rest = train("end", train_spec(kResumedEnd), "init");
  rest.resume_from = key("never run");
  const StageOutcome outcome = done({init("init"), rest});
  EXPECT_EQ(outcome.first_step, 0);
  expect_equal(outcome, whole);
}

TEST_F(Resume, ADamagedCheckpointIsSetAside) {
  const StageOutcome whole = uncut(train_spec(kResumedEnd));
  const JobStage stage = train("end", train_spec(kResumedEnd), "init");
  done({init("init")});
  EXPECT_EQ(run_until(stage, 12, "store"), JobEnd::interrupted);
  std::string bytes = read_file(checkpoint("end"), 1 << 30);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_file_atomically(checkpoint("end"), bytes);
  const StageOutcome outcome = done({stage});
  EXPECT_EQ(outcome.first_step, 0);
  expect_equal(outcome, whole);
  EXPECT_TRUE(std::filesystem::exists(checkpoint("end").string() + ".damaged"));
}

TEST_F(Resume, AnOutcomeThatWasLostIsRepeatedWithoutTraining) {
  const StageOutcome whole = uncut(train_spec(kResumedEnd));
  const JobStage stage = train("end", train_spec(kResumedEnd), "init");
  done({init("init")});
  EXPECT_EQ(run_until(stage, 12, "store"), JobEnd::interrupted);
  expect_equal(done({stage}), whole);
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::filesystem::remove(artifact("end"));
    const StageOutcome again = done({stage});
    EXPECT_EQ(again.first_step, kResumedEnd);
    expect_equal(again, whole);
  }
}

TEST_F(Resume, AShortTrainingLeavesNoCheckpoint) {
  WorkerSettings patient = settings();
  patient.checkpoint_every = std::chrono::hours(1);
  JobRunner runner(patient);
  const std::atomic<bool> stop = false;
  EXPECT_EQ(runner.run_job({1, {init("init"), train("end", train_spec(5), "init")}}, stop, {}), JobEnd::finished);
  EXPECT_FALSE(std::filesystem::exists(checkpoint("end")));
}

TEST_F(Resume, CheckpointsAtEpochEndsLeadToTheSameBytes) {
  const StageOutcome whole = uncut(train_spec(kResumedEnd));
  WorkerSettings eager = settings();
  eager.checkpoint_every = std::chrono::milliseconds(0);
  JobRunner runner(eager);
  const std::atomic<bool> stop = false;
  StageOutcome last;
  std::int64_t seen = 0;
  JobCallbacks callbacks;
  callbacks.on_outcome = [&](StageOutcome outcome) { last = std::move(outcome); };
  callbacks.on_progress = [&](const StageProgress& progress) {
    seen += progress.step > 12 && std::filesystem::exists(checkpoint("end"));
  };
  EXPECT_EQ(runner.run_job({1, {init("init"), train("end", train_spec(kResumedEnd), "init")}}, stop, callbacks),
            JobEnd::finished);
  EXPECT_GT(seen, 0);
  expect_equal(last, whole);
  EXPECT_EQ(done({train("end", train_spec(kResumedEnd), "init")}).first_step, kResumedEnd);
}

TEST_F(Resume, ARewoundTrajectoryBeginsAtItsStep) {
  TrainSpec spec = train_spec(30);
  spec.start_step = 10;
  spec.phase = 2;
  const StageOutcome whole = uncut(spec);
  EXPECT_EQ(whole.steps, 20);
  EXPECT_EQ(whole.first_step, 10);
  EXPECT_EQ(whole.metrics.front().step, 15);
  done({init("init")});
  EXPECT_EQ(run_until(train("end", spec, "init"), 20, "store"), JobEnd::interrupted);
  expect_equal(done({train("end", spec, "init")}), whole);
}

TEST_F(Resume, DivergingIsAResultAndKeepsItsMoment) {
  TrainSpec spec = train_spec(kResumedEnd);
  spec.optimizer.name = "sgd";
  spec.optimizer.lr = 1e18;
  const StageOutcome outcome = uncut(spec);
  EXPECT_TRUE(outcome.diverged);
  EXPECT_LT(outcome.steps, kResumedEnd);
  EXPECT_FALSE(outcome.artifact_sha256.empty());
  expect_equal(done({init("init"), train("end", spec, "init")}), outcome);
}

}  // namespace
}  // namespace espalier
