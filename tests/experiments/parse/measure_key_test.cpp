#include <algorithm>

#include <gmock/gmock.h>

#include "experiments/graph/stage_graph.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kPrunedSweep = R"(sweep: s
dataset: mnist
model: lenet-300-100
seeds: 1
train: {lr: 0.1, batch_size: 60, epochs: 2}
prune: {method: magnitude, granularity: channel, sparsity: 0.5}
)";

std::vector<LatencySpec> timed(const StageGraph& graph) {
  std::vector<LatencySpec> specs;
  for (const Stage& stage : graph.stages)
    if (stage.kind == StageKind::latency) specs.push_back(parse_spec<LatencySpec>(*stage.spec));
  return specs;
}

TEST(MeasureKey, TimesEveryPrunedNetworkAndChangesNoTrial) {
  const std::string measure = "measure: {latency: {batch_size: [1, 32], threads: 2, time_limit: 5, device: cpu}}\n";
  const std::vector<Trial> plain = trials_of(kPrunedSweep), measured = trials_of(kPrunedSweep + measure);
  ASSERT_EQ(plain.size(), measured.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i].key, measured[i].key);
  const StageGraph graph = build_stage_graph(measured);
  const std::vector<LatencySpec> specs = timed(graph);
  ASSERT_EQ(specs.size(), 2U);  // magnitude and random; not the dense network
  EXPECT_THAT(specs[0].batch_sizes, ElementsAre(1, 32));
  EXPECT_EQ(specs[0].threads, 2);
  EXPECT_EQ(specs[0].time_limit_s, 5);
  EXPECT_EQ(specs[0].device, "cpu");
  EXPECT_EQ(specs[0].model.name, "lenet-300-100");
  for (const TrialStages& trial : graph.trials) {
    EXPECT_EQ(trial.latency.has_value(), trial.masks.has_value());
    if (trial.latency) {
      EXPECT_EQ(graph.stages[*trial.latency].inputs.size(), 2U);
    }
  }
  EXPECT_TRUE(timed(build_stage_graph(plain)).empty());
}

TEST(MeasureKey, HasDefaults) {
  const std::optional<LatencyConfig> latency = spec_of(kPrunedSweep + "measure: {latency: {}}\n").latency;
  ASSERT_TRUE(latency);
  EXPECT_EQ(*latency, LatencyConfig{});
  EXPECT_EQ(spec_of(kPrunedSweep + "measure: {latency: {batch_size: 8}}\n").latency->batch_sizes,
            std::vector<std::int64_t>{8});
}

TEST(MeasureKey, EveryProblemHasItsPlace) {
  EXPECT_THAT(
      problems(kPrunedSweep + "measure: {latency: {batch_size: [0, 4, 4], threads: -1, device: tpu, limit: 3}}\n"),
      testing::UnorderedElementsAre(HasSubstr("measure.latency.batch_size[0]"), HasSubstr("listed twice"),
                                    HasSubstr("measure.latency.threads"), HasSubstr("measure.latency.device"),
                                    HasSubstr("limit")));
  EXPECT_THAT(problems(kPrunedSweep + "measure: {latency: {batch_size: []}}\n"),
              ElementsAre(HasSubstr("at least one")));
  EXPECT_THAT(problems(kPrunedSweep + "measure: {time: {}}\n"), testing::Contains(HasSubstr("latency")));
  EXPECT_THAT(
      problems("sweep: s\ndataset: mnist\nmodel: lenet-5\ntrain: {lr: 0.1, epochs: 1}\nmeasure: {latency: {}}\n"),
      ElementsAre(HasSubstr("nothing is pruned without `prune`")));
}

}  // namespace
}  // namespace espalier
