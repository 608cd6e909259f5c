#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/stages/stage_spec.h"
#include "worker/jobs/run_job.h"

namespace espalier {

/// Runs stages of a small sweep on glyphs in a folder of its own. Stages are named by text; the name is hashed to the
/// key.
class JobTest : public testing::Test {
 protected:
  JobTest();
  ~JobTest() override;

  static StageKey key(const std::string& name) { return {sha256(name)}; }
  /// The settings of a store: each has its own artifacts and checkpoints.
  WorkerSettings settings(const std::string& store = "store") const;
  std::filesystem::path artifact(const std::string& name, const std::string& store = "store") const;
  std::filesystem::path checkpoint(const std::string& name, const std::string& store = "store") const;

  JobStage init(const std::string& name, const std::string& stream = "init") const;
  JobStage train(const std::string& name, const TrainSpec& spec, const std::string& weights) const;
  JobStage prune(const std::string& name, const PruneSpec& spec, const std::string& weights) const;
  JobStage shuffle(const std::string& name, const std::string& masks) const;
  JobStage evaluate(const std::string& name, const std::string& weights) const;

  /// 12 steps an epoch, of 50 examples, looks at the validation set after every 5 steps.
  TrainSpec train_spec(std::int64_t end_step) const;
  PruneSpec prune_spec(const std::string& criterion, std::int64_t kept) const;

  /// Runs the stages as one job in a new runner, as after a restart.
  struct Run {
    JobEnd end;
    std::vector<StageOutcome> outcomes;
  };
  Run run(std::vector<JobStage> stages, const std::string& store = "store") const;
  /// As run; each must be done. Returns the last outcome.
  StageOutcome done(std::vector<JobStage> stages, const std::string& store = "store") const;

  std::filesystem::path folder_;
  std::string device_ = "cpu";
  ModelSpec model_{"lenet-300-100", {1, 28, 28}, 10};
  DatasetSpec dataset_;
};

void expect_equal_metrics(const StageOutcome& a, const StageOutcome& b);

}  // namespace espalier
