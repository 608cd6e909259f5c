#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/graph/stage_graph.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kSensitivitySweep = R"(
sweep: curves
dataset: mnist
model: lenet-300-100
train: {optimizer: sgd, lr: 0.1, batch_size: 100, epochs: 1}
prune: {method: magnitude, sparsity: [0.8, 0.9]}
controls: [random]
seeds: [0, 1]
)";

std::vector<const Stage*> of_kind(const StageGraph& graph, StageKind kind) {
  std::vector<const Stage*> found;
  for (const Stage& stage : graph.stages) {
    if (stage.kind == kind) found.push_back(&stage);
  }
  return found;
}

bool reads_curves(const Stage& stage) {
  return std::ranges::any_of(stage.inputs, [](const StageInput& in) { return in.role == InputRole::sensitivity; });
}

TEST(SensitivitySweep, MeasuringBesideChangesNoTrial) {
  const std::vector<Trial> plain = trials_of(kSensitivitySweep);
  const std::vector<Trial> measured =
      trials_of(kSensitivitySweep, {"prune.sensitivity={sparsities: [0.5, 0.9], batches: 2}"});
  ASSERT_EQ(plain.size(), measured.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i].key, measured[i].key);
  const StageGraph graph = build_stage_graph(measured);
  const std::vector<const Stage*> curves = of_kind(graph, StageKind::sensitivity);
  ASSERT_EQ(curves.size(), 2U);  // one for each seed, shared by both sparsities; none for the random control
  const SensitivitySpec spec = parse_spec<SensitivitySpec>(*curves[0]->spec);
  EXPECT_THAT(spec.sparsities, ElementsAre(0.5, 0.9));
  EXPECT_EQ(spec.prune.criterion, "magnitude");
  EXPECT_EQ(spec.prune.batches, 2);
  EXPECT_EQ(spec.prune.batch_size, 100);
  EXPECT_TRUE(spec.prune.dataset);
  EXPECT_NE(curves[0]->key, curves[1]->key);
  for (const Stage* prune : of_kind(graph, StageKind::prune)) EXPECT_FALSE(reads_curves(*prune));
  std::size_t wanted = 0;
  for (const TrialStages& trial : graph.trials) wanted += trial.sensitivity ? 1 : 0;
  EXPECT_EQ(wanted, 4U);
}

TEST(SensitivitySweep, TheAllocationReadsTheCurvesOfItsOwnCriterion) {
  const std::vector<Trial> trials = trials_of(kSensitivitySweep, {"prune.allocation=sensitivity"});
  const StageGraph graph = build_stage_graph(trials);
  EXPECT_EQ(of_kind(graph, StageKind::sensitivity).size(), 4U);  // magnitude and random, two seeds
  for (const Stage* prune : of_kind(graph, StageKind::prune)) {
    ASSERT_TRUE(reads_curves(*prune));
    const PruneSpec spec = parse_spec<PruneSpec>(*prune->spec);
    EXPECT_THAT(spec.target.layer_kept, IsEmpty());
    for (const StageInput& input : prune->inputs) {
      if (input.role != InputRole::sensitivity) continue;
      EXPECT_EQ(parse_spec<SensitivitySpec>(*graph.stages[input.stage].spec).prune.criterion, spec.criterion);
    }
  }
  // How the curves are measured is part of what the trial is.
  const std::vector<Trial> other =
      trials_of(kSensitivitySweep, {"prune.allocation=sensitivity", "prune.sensitivity={batches: 8}"});
  EXPECT_NE(trials.back().key, other.back().key);
}

TEST(SensitivitySweep, WhatHasNoCurveIsRefused) {
  EXPECT_THAT(
      problems(kSensitivitySweep, {"prune.allocation=sensitivity", "prune.granularity=2:4", "prune.sparsity=0.5"}),
      testing::Contains(HasSubstr("sensitivity has no curve for criterion magnitude with granularity 2:4")));
  EXPECT_THAT(problems(kSensitivitySweep, {"prune.allocation=sensitivity", "prune.min_kept=0.1"}),
              testing::Contains(HasSubstr("min_kept")));
  EXPECT_THAT(problems(kSensitivitySweep, {"prune.sensitivity={sparsities: [0.9, 0.5]}"}),
              testing::Contains(HasSubstr("that rise")));
  EXPECT_THAT(problems(kSensitivitySweep, {"prune.sensitivity={batches: 10000}"}),
              testing::Contains(HasSubstr("more than the 55000 training examples")));
}

}  // namespace
}  // namespace espalier
