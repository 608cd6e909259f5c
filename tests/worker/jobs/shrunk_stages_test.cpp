// Trainings and evaluations without the units that masks remove: the files that they leave are whole networks'.
#include <atomic>

#include <ATen/ATen.h>

#include "base/files.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/named_tensors.h"

namespace espalier {
namespace {

class ShrunkStages : public JobTest {
 protected:
  /// 150 of lenet-300-100's 400 hidden units stay.
  PruneSpec channels() const {
    PruneSpec spec = prune_spec("magnitude", 150);
    spec.granularity = "channel l2";
    return spec;
  }
  JobStage under_mask(JobStage stage) const {
    stage.inputs.emplace_back(InputRole::masks, key("mask"));
    return stage;
  }
  JobStage trained(const std::string& name, const std::string& compute, std::int64_t end_step = 24) const {
    TrainSpec spec = train_spec(end_step);
    spec.compute = compute;
    return under_mask(train(name, spec, "init"));
  }
  JobStage evaluated(const std::string& name, const std::string& compute, const std::string& weights) const {
    JobStage stage = under_mask(evaluate(name, weights));
    stage.spec = canonical_json(EvaluateSpec{model_, dataset_, compute});
    return stage;
  }
  /// On from the mask by another criterion, to fewer of the channels.
  JobStage second_prune(const std::string& name, const std::string& compute, const std::string& weights) const {
    PruneSpec spec = prune_spec("snip", 80);
    spec.granularity = "channel l2";
    spec.compute = compute;
    return under_mask(prune(name, spec, weights));
  }
  std::vector<JobStage> pruned() const { return {init("init"), prune("mask", channels(), "init")}; }

  NamedTensors tensors(const std::string& name, const std::string& store = "store") const {
    const std::string bytes = read_file(artifact(name, store), 1 << 30);
    return from_file(parse_safetensors(bytes, name), at::kCPU);
  }
  void expect_equal_tensors(const std::string& name, const std::string& other) const {
    const NamedTensors expected = tensors(other);
    for (const auto& [one, tensor] : tensors(name)) EXPECT_TRUE(at::equal(tensor, called(expected, one))) << one;
  }
  static const at::Tensor& called(const NamedTensors& tensors, const std::string& name) {
    for (const auto& [one, tensor] : tensors)
      if (one == name) return tensor;
    throw std::out_of_range(name);
  }
};

TEST_F(ShrunkStages, ATrainingLeavesTheWeightsOfTheMaskedOneInTheirPlaces) {
  done(pruned());
  const StageOutcome masked = done({trained("masked", "")}), shrunk = done({trained("shrunk", kShrunk)});
  const NamedTensors masks = tensors("mask"), expected = tensors("masked");
  for (const auto& [name, tensor] : tensors("shrunk")) {
    const at::Tensor& other = called(expected, name);
    ASSERT_EQ(tensor.sizes(), other.sizes()) << name;
    at::Tensor compared = other;
    // Columns that read a removed unit are no part of the mask: they read zeros.
    if (name == "fc2.weight") compared = other.mul(called(masks, "fc1.bias").to(at::kFloat));
    if (name == "fc3.weight") compared = other.mul(called(masks, "fc2.bias").to(at::kFloat));
    EXPECT_TRUE(at::allclose(tensor, compared, 1e-3, 1e-5)) << name << " " << tensor.sub(compared).abs().max();
  }
  EXPECT_EQ(masked.metrics.size() + 1, shrunk.metrics.size());
  EXPECT_EQ(shrunk.metrics.back().name, std::string("shrunk_difference"));
  EXPECT_LT(shrunk.metrics.back().value, 1e-5);
}

TEST_F(ShrunkStages, StoppedAgainAndAgainATrainingEndsAsIfNever) {
  std::vector<JobStage> stages = pruned();
  stages.push_back(trained("end", kShrunk, 40));
  const StageOutcome whole = done(stages, "uncut");
  done(pruned());
  for (const std::int64_t step : {1, 20, 30}) {
    JobRunner runner(settings());
    std::atomic<bool> stop = false;
    JobCallbacks callbacks;
    callbacks.on_progress = [&](const StageProgress& progress) { stop = stop || progress.step >= step; };
    EXPECT_EQ(runner.run_job({1, {trained("end", kShrunk, 40)}}, stop, callbacks), JobEnd::interrupted);
  }
  const StageOutcome resumed = done({trained("end", kShrunk, 40)});
  EXPECT_EQ(resumed.first_step, 36);
  EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(resumed, whole);
}

TEST_F(ShrunkStages, ATrajectoryThatIsCutEqualsTheUncutOne) {
  std::vector<JobStage> stages = pruned();
  stages.push_back(trained("end", kShrunk, 40));
  const StageOutcome whole = done(stages, "uncut");
  JobStage cut = trained("cut", kShrunk, 17), rest = trained("end", kShrunk, 40);
  cut.keep_resume_state = true;
  rest.resume_from = key("cut");
  stages = pruned();
  stages.push_back(cut);
  done(stages);
  const StageOutcome resumed = done({rest});
  EXPECT_EQ(resumed.first_step, 17);
  EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(resumed, whole);
}

TEST_F(ShrunkStages, WhereNoUnitLeavesTheBitsAreTheMaskedOnes) {
  done({init("init"), prune("mask", prune_spec("magnitude", 20000), "init")});
  const StageOutcome masked = done({trained("masked", "")}), shrunk = done({trained("shrunk", kShrunk)});
  expect_equal_tensors("shrunk", "masked");
  expect_equal_metrics(masked, shrunk);
}

TEST_F(ShrunkStages, ALaterRoundRemovesTheSameUnits) {
  done(pruned());
  done({trained("trained", kShrunk)});
  const StageOutcome masked = done({second_prune("masked", "", "trained")});
  const StageOutcome shrunk = done({second_prune("shrunk", kShrunk, "trained")});
  expect_equal_tensors("shrunk", "masked");
  ASSERT_EQ(shrunk.layers.size(), masked.layers.size());
  for (std::size_t i = 0; i < masked.layers.size(); ++i) {
    EXPECT_EQ(shrunk.layers[i].total, masked.layers[i].total);
    EXPECT_EQ(shrunk.layers[i].kept, masked.layers[i].kept);
  }
  // Weights that were not trained under the mask: the columns that read what left are no zeros.
  done({second_prune("shrunk-init", kShrunk, "init")});
  done({second_prune("masked-init", "", "init")});
  expect_equal_tensors("shrunk-init", "masked-init");
}

/// Rounds go on from trained weights, from a rewind point, and from its step with trained weights (lr rewinding).
TEST_F(ShrunkStages, RoundsMoveFromRankToRankAndStayTheSame) {
  TrainSpec rewound = train_spec(30);
  rewound.start_step = 12;
  rewound.phase = 1;
  rewound.compute = kShrunk;
  const auto rounds = [&] {
    std::vector<std::vector<JobStage>> jobs{{init("init"), train("point", train_spec(12), "init")}};
    jobs.push_back({prune("mask", channels(), "point")});
    jobs.push_back({under_mask(train("rewound", rewound, "point"))});
    jobs.push_back({second_prune("second", kShrunk, "rewound")});
    JobStage lr_rewound = train("lr-rewound", rewound, "rewound"), last = evaluate("accuracy", "lr-rewound");
    lr_rewound.inputs.emplace_back(InputRole::masks, key("second"));
    last.inputs.emplace_back(InputRole::masks, key("second"));
    last.spec = canonical_json(EvaluateSpec{model_, dataset_, kShrunk});
    jobs.push_back({lr_rewound, last});
    return jobs;
  };
  std::vector<JobStage> all;
  for (const auto& job : rounds()) all.insert(all.end(), job.begin(), job.end());
  const Run at_once = run(all, "at-once");
  ASSERT_EQ(at_once.end, JobEnd::finished);
  std::vector<StageOutcome> moved;
  for (const auto& job : rounds()) {  // each job in a runner of its own, each training stopped on its way
    for (const JobStage& stage : job) {
      if (stage.kind != StageKind::train) continue;
      JobRunner runner(settings());
      std::atomic<bool> stop = false;
      JobCallbacks callbacks;
      callbacks.on_progress = [&](const StageProgress& progress) { stop = stop || progress.step > 12; };
      runner.run_job({1, {stage}}, stop, callbacks);
      break;
    }
    for (StageOutcome& outcome : run(job).outcomes) moved.push_back(std::move(outcome));
  }
  ASSERT_EQ(moved.size(), at_once.outcomes.size());
  for (std::size_t i = 0; i < moved.size(); ++i) {
    ASSERT_FALSE(moved[i].failure) << moved[i].failure->message;
    EXPECT_EQ(moved[i].artifact_sha256, at_once.outcomes[i].artifact_sha256) << i;
    expect_equal_metrics(moved[i], at_once.outcomes[i]);
  }
  EXPECT_EQ(moved[3].first_step, 24) << "it went on where the first runner was stopped";
  EXPECT_EQ(moved.back().evaluation->accuracy(), at_once.outcomes.back().evaluation->accuracy());
}

TEST_F(ShrunkStages, AnEvaluationMeasuresTheSame) {
  done(pruned());
  done({trained("trained", "")});
  const StageOutcome masked = done({evaluated("masked", "", "trained")});
  const StageOutcome shrunk = done({evaluated("shrunk", kShrunk, "trained")});
  EXPECT_EQ(masked.evaluation->accuracy(), shrunk.evaluation->accuracy());
  EXPECT_NEAR(masked.evaluation->loss(), shrunk.evaluation->loss(), 1e-5);
}

TEST_F(ShrunkStages, AnotherWordIsRefused) {
  done(pruned());
  const Run failed = run({trained("t", "small")});
  ASSERT_TRUE(failed.outcomes.back().failure);
  EXPECT_EQ(failed.outcomes.back().failure->kind, ErrorKind::invalid_input);
  EXPECT_NE(failed.outcomes.back().failure->message.find("compute"), std::string::npos);
}

}  // namespace
}  // namespace espalier
