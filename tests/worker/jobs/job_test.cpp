#include "tests/worker/jobs/job_test.h"

#include <bit>
#include <unistd.h>

#include "experiments/datasets/dataset.h"

namespace espalier {

JobTest::JobTest() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  folder_ = std::filesystem::temp_directory_path() / ("espalier_job_" + std::to_string(::getpid()) + test->name());
  DatasetRequest request;
  request.name = "glyphs";
  request.train = 700;
  request.validation = 100;
  request.test = 200;
  dataset_ = resolve_dataset(request, {});
}

JobTest::~JobTest() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

WorkerSettings JobTest::settings(const std::string& store) const {
  WorkerSettings settings;
  settings.artifacts = folder_ / store / "artifacts";
  settings.checkpoints = folder_ / store / "checkpoints";
  settings.device = device_;
  return settings;
}

std::filesystem::path JobTest::artifact(const std::string& name, const std::string& store) const {
  const std::string hex = to_hex(key(name));
  return settings(store).artifacts / hex.substr(0, 2) / (hex + ".safetensors");
}

std::filesystem::path JobTest::checkpoint(const std::string& name, const std::string& store) const {
  return settings(store).checkpoints / (to_hex(key(name)) + ".safetensors");
}

JobStage JobTest::init(const std::string& name, const std::string& stream) const {
  JobStage stage;
  stage.key = key(name);
  stage.kind = StageKind::init;
  stage.spec = canonical_json(InitSpec{model_, "glorot_normal", stream});
  return stage;
}

JobStage JobTest::train(const std::string& name, const TrainSpec& spec, const std::string& weights) const {
  JobStage stage;
  stage.key = key(name);
  stage.kind = StageKind::train;
  stage.spec = canonical_json(spec);
  stage.inputs = {{InputRole::weights, key(weights)}};
  return stage;
}

JobStage JobTest::prune(const std::string& name, const PruneSpec& spec, const std::string& weights) const {
  JobStage stage;
  stage.key = key(name);
  stage.kind = StageKind::prune;
  stage.spec = canonical_json(spec);
  if (!weights.empty()) stage.inputs = {{InputRole::weights, key(weights)}};
  return stage;
}

JobStage JobTest::shuffle(const std::string& name, const std::string& masks) const {
  JobStage stage;
  stage.key = key(name);
  stage.kind = StageKind::shuffle;
  stage.spec = canonical_json(ShuffleSpec{model_});
  stage.inputs = {{InputRole::masks, key(masks)}};
  return stage;
}

JobStage JobTest::evaluate(const std::string& name, const std::string& weights) const {
  JobStage stage;
  stage.key = key(name);
  stage.kind = StageKind::evaluate;
  stage.spec = canonical_json(EvaluateSpec{model_, dataset_});
  stage.inputs = {{InputRole::weights, key(weights)}};
  return stage;
}

TrainSpec JobTest::train_spec(std::int64_t end_step) const {
  TrainSpec spec;
  spec.model = model_;
  spec.dataset = dataset_;
  spec.optimizer.name = "adam";
  spec.optimizer.lr = 1e-3;
  spec.batch_size = 50;
  spec.end_step = end_step;
  spec.eval_every = 5;
  return spec;
}

PruneSpec JobTest::prune_spec(const std::string& criterion, std::int64_t kept) const {
  PruneSpec spec;
  spec.model = model_;
  spec.criterion = criterion;
  spec.target.total_kept = kept;
  if (criterion == "gradient" || criterion == "snip") {
    spec.dataset = dataset_;
    spec.batches = 3;
    spec.batch_size = 40;
  }
  return spec;
}

JobTest::Run JobTest::run(std::vector<JobStage> stages, const std::string& store) const {
  Run run;
  JobRunner runner(settings(store));
  const std::atomic<bool> stop = false;
  JobCallbacks callbacks;
  callbacks.on_outcome = [&](StageOutcome outcome) { run.outcomes.push_back(std::move(outcome)); };
  run.end = runner.run_job({1, std::move(stages)}, stop, callbacks);
  return run;
}

StageOutcome JobTest::done(std::vector<JobStage> stages, const std::string& store) const {
  const std::size_t count = stages.size();
  Run result = run(std::move(stages), store);
  EXPECT_EQ(result.end, JobEnd::finished);
  EXPECT_EQ(result.outcomes.size(), count);
  for (const StageOutcome& outcome : result.outcomes) EXPECT_FALSE(outcome.failure) << outcome.failure->message;
  return result.outcomes.empty() ? StageOutcome{} : result.outcomes.back();
}

void expect_equal_metrics(const StageOutcome& a, const StageOutcome& b) {
  ASSERT_EQ(a.metrics.size(), b.metrics.size());
  for (std::size_t i = 0; i < a.metrics.size(); ++i) {
    EXPECT_EQ(a.metrics[i].step, b.metrics[i].step);
    EXPECT_EQ(a.metrics[i].name, b.metrics[i].name);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(a.metrics[i].value), std::bit_cast<std::uint64_t>(b.metrics[i].value))
        << a.metrics[i].name << " at step " << a.metrics[i].step;
  }
  EXPECT_EQ(a.best_validation_loss, b.best_validation_loss);
  EXPECT_EQ(a.test_accuracy_at_best_validation, b.test_accuracy_at_best_validation);
  EXPECT_EQ(a.diverged, b.diverged);
  EXPECT_EQ(a.steps, b.steps);
}

}  // namespace espalier
