#include "orchestrator/simulation/simulation.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "orchestrator/simulation/stage_durations.h"
#include "tests/orchestrator/noop_graph.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {
namespace {

SimulationSettings on(int pools, int ranks) {
  SimulationSettings settings;
  settings.pools = pools;
  settings.ranks = ranks;
  return settings;
}

/// Seconds equal to costs.
std::vector<double> by_cost(const StageGraph& graph) {
  return draw_stage_durations(graph, {1.0, 0}, 0);
}

/// Seeds that each train a dense network, and prune and retrain it in twenty ways. Trainings take 1000 s and more.
GraphStory many_prunings(int seeds) {
  GraphStory story;
  for (int seed = 0; seed < seeds; ++seed) {
    const std::string dense = "dense" + std::to_string(seed);
    story.add(dense, StageKind::train, {}, 1000);
    for (int way = 0; way < 20; ++way) {
      const std::string name = dense + " way" + std::to_string(way);
      story.add("prune " + name, StageKind::prune, {dense}, 1);
      story.add("tune " + name, StageKind::train, {dense, "prune " + name}, 1500 + way);
      story.add("evaluate " + name, StageKind::evaluate, {"tune " + name}, 10).result("evaluate " + name);
    }
  }
  return story;
}

TEST(Simulation, AChainTakesAsLongAsItsCriticalPath) {
  GraphStory story;
  story.add("n0", StageKind::init, {}, 5);
  for (int i = 1; i < 20; ++i)
    story.add("n" + std::to_string(i), StageKind::prune, {"n" + std::to_string(i - 1)}, 10 + i);
  story.result("n19");
  const std::vector<double> seconds = by_cost(story.graph());
  const SimulationReport report = simulate(story.graph(), seconds, on(4, 4));
  EXPECT_DOUBLE_EQ(report.bounds.critical_path_s, 5 + 19 * 10 + 190);
  EXPECT_DOUBLE_EQ(report.lower_bound_s(), report.bounds.critical_path_s);
  // Every stage but the first waits for a word to go to the coordinator and another to come back.
  EXPECT_NEAR(report.makespan_s, report.lower_bound_s(), 50 * 0.001);
  EXPECT_GE(report.makespan_s, report.lower_bound_s());
  EXPECT_EQ(report.stages, 20);
}

TEST(Simulation, IndependentStagesFillAllRanks) {
  const StageGraph graph = noop_graph(640);
  const std::vector<double> seconds(640, 30);
  const SimulationReport report = simulate(graph, seconds, on(4, 16));
  EXPECT_DOUBLE_EQ(report.lower_bound_s(), 300);
  EXPECT_NEAR(report.makespan_s, 300, 0.1);
  EXPECT_GT(report.utilisation(), 0.999);
  EXPECT_DOUBLE_EQ(report.computed_s, 640 * 30.0);
}

TEST(Simulation, OneRankDoesOneThingAfterAnother) {
  const GraphStory story = many_prunings(2);
  const SimulationReport report = simulate(story.graph(), by_cost(story.graph()), on(1, 1));
  EXPECT_NEAR(report.makespan_s, report.bounds.work_s, 1);
  EXPECT_EQ(report.losses, 0);
}

TEST(Simulation, ASweepThatSharesIsWithinFivePercentOfTheBound) {
  const GraphStory story = many_prunings(64);
  const SimulationReport report = simulate(story.graph(), by_cost(story.graph()), on(8, 8));
  EXPECT_LT(report.ratio(), 1.05);
  EXPECT_GE(report.ratio(), 1);
}

TEST(Simulation, LostPoolsCostTimeAndNothingElse) {
  const GraphStory story = many_prunings(32);
  const std::vector<double> seconds = by_cost(story.graph());
  SimulationSettings settings = on(8, 8);
  const SimulationReport calm = simulate(story.graph(), seconds, settings);
  settings.losses_per_hour = 0.5;
  const SimulationReport report = simulate(story.graph(), seconds, settings);
  EXPECT_GT(report.losses, 5);
  EXPECT_EQ(report.stages, calm.stages);
  EXPECT_EQ(report.stages_failed, 0);
  EXPECT_GT(report.makespan_s, calm.makespan_s);
  // Everything was done once, and wasted work is counted separately.
  EXPECT_NEAR(report.computed_s - report.wasted_s, report.bounds.work_s, 1e-6 * report.bounds.work_s);
  EXPECT_GT(report.wasted_s, 0);
  EXPECT_EQ(calm.wasted_s, 0);
}

// Whoever dies once too often is given up, as the sweep says, and what is left is not praised as the whole.
TEST(Simulation, APolicyDecidesWhatLostPoolsCost) {
  const GraphStory story = many_prunings(8);
  const std::vector<double> seconds = by_cost(story.graph());
  SimulationSettings settings = on(4, 4);
  settings.losses_per_hour = 4;
  settings.checkpoint_every_s = 10;
  FailurePolicy policy;
  policy.crashes = 1000;
  const SimulationReport patient = simulate(story.graph(), seconds, settings, policy);
  EXPECT_GT(patient.losses, 10);
  EXPECT_TRUE(patient.complete());
  EXPECT_GE(patient.ratio(), 1);
  EXPECT_NEAR(patient.done_s, patient.bounds.work_s, 1e-6 * patient.bounds.work_s);

  policy.crashes = 1;
  const SimulationReport strict = simulate(story.graph(), seconds, settings, policy);
  EXPECT_GT(strict.stages_failed, 0);
  EXPECT_FALSE(strict.complete());
  EXPECT_FALSE(strict.stopped);
  EXPECT_LT(strict.done_s, strict.bounds.work_s);
  EXPECT_LE(strict.utilisation(), 1);

  policy.max_failures = 0;
  const SimulationReport stopped = simulate(story.graph(), seconds, settings, policy);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_LT(stopped.makespan_s, strict.makespan_s);
}

TEST(Simulation, ATrainingGoesOnFromItsLastCheckpoint) {
  GraphStory story;
  story.add("long", StageKind::train, {}, 36000).result("long");
  SimulationSettings settings = on(1, 1);
  settings.losses_per_hour = 0.2;  // two in ten hours
  settings.checkpoint_every_s = 1;
  settings.seed = 5;
  const SimulationReport often = simulate(story.graph(), {36000}, settings);
  ASSERT_GE(often.losses, 1);
  EXPECT_LE(often.wasted_s, 1.0 * static_cast<double>(often.losses));
  settings.checkpoint_every_s = 1e6;
  const SimulationReport never = simulate(story.graph(), {36000}, settings);
  EXPECT_GT(never.wasted_s, 1000);
}

// Two ranks train together: four of them, two at a time, in half the time each.
TEST(Simulation, RanksThatTrainTogetherAreBusyTogether) {
  GraphStory story;
  for (const std::string name : {"a", "b", "c", "d"}) story.add(name, StageKind::train, {}, 200).result(name);
  StageGraph graph = story.graph();
  for (Stage& stage : graph.stages) stage.ranks = 2;
  const std::vector<double> seconds = by_cost(graph);
  EXPECT_EQ(seconds.front(), 100);
  const SimulationReport report = simulate(graph, seconds, on(1, 4));
  EXPECT_DOUBLE_EQ(report.lower_bound_s(), 200);
  EXPECT_NEAR(report.makespan_s, 200, 0.1);
  EXPECT_DOUBLE_EQ(report.computed_s, 800);
  EXPECT_THROW(simulate(graph, seconds, on(4, 1)), Error);
}

TEST(Simulation, TheSameSeedGivesTheSameReport) {
  const GraphStory story = many_prunings(8);
  SimulationSettings settings = on(4, 4);
  settings.losses_per_hour = 0.5;
  const auto run = [&](std::uint64_t seed) {
    settings.seed = seed;
    const std::vector<double> seconds = draw_stage_durations(story.graph(), {1.0, 0.5}, seed);
    const SimulationReport report = simulate(story.graph(), seconds, settings);
    return std::tuple(report.makespan_s, report.computed_s, report.wasted_s, report.jobs, report.losses, report.events);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(StageDurations, LognormalFactorsHaveTheMeanOfTheirSigma) {
  const StageGraph graph = noop_graph(20000);
  const double sigma = 0.5;
  double sum = 0;
  std::int64_t above = 0;
  for (const double seconds : draw_stage_durations(graph, {3.0, sigma}, 7)) {
    sum += seconds / 3;
    above += seconds > 3 ? 1 : 0;
  }
  // The mean is exp(sigma^2 / 2) = 1.133, its standard error 0.6 / sqrt(20000) = 0.004.
  EXPECT_NEAR(sum / 20000, std::exp(sigma * sigma / 2), 0.02);
  EXPECT_NEAR(static_cast<double>(above) / 20000, 0.5, 0.015);
}

TEST(StageDurations, AStageKeepsItsFactorWhateverElseIsThere) {
  const std::vector<double> few = draw_stage_durations(noop_graph(10), {1.0, 1.0}, 3);
  const std::vector<double> many = draw_stage_durations(noop_graph(100), {1.0, 1.0}, 3);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(few, draw_stage_durations(noop_graph(10), {1.0, 1.0}, 4));
}

TEST(StageDurations, TheModelIsReadFromItsText) {
  EXPECT_FALSE(parse_duration_model("measured").seconds_per_cost);
  EXPECT_EQ(parse_duration_model("3e-11").seconds_per_cost, 3e-11);
  const DurationModel measured = parse_duration_model("lognormal:0.4");
  EXPECT_EQ(measured.sigma, 0.4);
  EXPECT_FALSE(measured.seconds_per_cost);
  EXPECT_EQ(parse_duration_model("lognormal:0.4:2e-11").seconds_per_cost, 2e-11);
  for (const char* wrong : {"", "fast", "0", "-1", "nan", "3e-11s", "lognormal", "lognormal:", "lognormal:0",
                            "lognormal:9", "lognormal:0.4:", "lognormal:0.4:x"})
    EXPECT_THROW(parse_duration_model(wrong), Error) << wrong;
}

/// Two trainings of one cost each: of lenet-5 and of mlp-3.
StageGraph two_models() {
  StageGraph graph = noop_graph(2);
  for (const auto& [at, name] : {std::pair(0U, "lenet-5"), {1U, "mlp-3"}}) {
    graph.stages[at].kind = StageKind::train;
    graph.stages[at].cost = 1e9;
    graph.stages[at].spec = std::make_shared<const std::string>(std::string(R"({"model":{"name":")") + name + "\"}}");
  }
  return graph;
}

TEST(Durations, AreThoseOfEachModel) {
  StageGraph graph = two_models();
  const MeasuredCost measured{3e-9, {{"lenet-5", 1e-9}}};
  EXPECT_THAT(draw_stage_durations(graph, {measured.overall, 0, measured.by_model}, 0),
              testing::Pointwise(testing::DoubleEq(), {1.0, 3.0}));
  EXPECT_THAT(models_not_measured(graph, measured), testing::ElementsAre("mlp-3"));
  cost_in_seconds(graph, measured);
  EXPECT_DOUBLE_EQ(graph.stages[0].cost, 1);
  EXPECT_DOUBLE_EQ(graph.stages[1].cost, 3);
  StageGraph weighed = two_models();
  weigh_by_model(weighed, measured.by_model, 3e-9);
  EXPECT_DOUBLE_EQ(weighed.stages[0].cost, 1e9 / 3);
  EXPECT_DOUBLE_EQ(weighed.stages[1].cost, 1e9);
  StageGraph guessed = two_models();
  cost_in_seconds(guessed, {});
  EXPECT_DOUBLE_EQ(guessed.stages[0].cost, 1e9 * kAssumedSecondsPerCost);
}

}  // namespace
}  // namespace espalier
