#include "db/read/store_reader.h"

#include <algorithm>
#include <cmath>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db/rows/rows_json.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoreReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    reader_.emplace(store_.paths().root);
  }
  const Stage& stage(SampleStage role) const { return sample_.graph.stages[role]; }

  TemporaryFolder folder_;
  Store store_{folder_.path / "store"};
  SampleSweep sample_ = make_sample_sweep(2);
  std::optional<StoreReader> reader_;
};

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "no error";
}

TEST_F(StoreReaderTest, AMissingStoreSaysWhereAndWhatToDo) {
  EXPECT_THAT(message_of([&] { const StoreReader reader(folder_.path / "nothing"); }),
              AllOf(HasSubstr((folder_.path / "nothing").string() + ": no store is here"),
                    HasSubstr("espalier run SWEEP.yaml")));
}

TEST_F(StoreReaderTest, SeesWhatWasAppliedWhileTheCoordinatorHasTheStore) {
  EXPECT_THAT(reader_->results(), IsEmpty());
  store_.apply(finish_all(sample_.graph));
  const std::vector<ResultRow> rows = reader_->results();
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_EQ(rows[0].method, "dense");
  EXPECT_EQ(rows[4].method, "magnitude");
  EXPECT_EQ(rows[4].seed, 1U);
  EXPECT_DOUBLE_EQ(*rows[4].accuracy, 0.971);
  EXPECT_EQ(rows[4].madds_effective, 26620);
  EXPECT_EQ(rows[4].pruned_at_step, 1000);
  EXPECT_EQ(rows[4].params_shrunk, 200000);
  EXPECT_EQ(rows[4].madds_shrunk, 199000);
  EXPECT_EQ(rows[4].file_bytes, 801000);
  EXPECT_EQ(rows[0].params_shrunk, rows[0].params_total);
  EXPECT_EQ(rows[0].madds_shrunk, rows[0].madds_dense);
  EXPECT_EQ(rows[0].file_bytes, 8 + 456 + 4 * rows[0].params_total);  // length, header, numbers
  EXPECT_EQ(rows[4].dead_units, 3);
  EXPECT_TRUE(*rows[4].connected);
  EXPECT_FALSE(rows[4].collapsed);
}

TEST_F(StoreReaderTest, FiltersResults) {
  store_.apply(finish_all(sample_.graph));
  ResultFilter filter;
  filter.sweep = "sample";
  filter.method = "magnitude";
  filter.sparsity_target = 0.9;
  EXPECT_THAT(reader_->results(filter), SizeIs(2));
  filter.control = "random";
  EXPECT_THAT(reader_->results(filter), IsEmpty());
  filter.sweep = "sampel";
  EXPECT_THAT(message_of([&] { reader_->results(filter); }), HasSubstr("unknown \"sampel\"; did you mean \"sample\"?"));
}

TEST_F(StoreReaderTest, AFilterThatNothingFitsIsRefusedWithWhatThereIs) {
  store_.apply(finish_all(sample_.graph));
  const auto refusal = [&](std::string ResultFilter::*column, const std::string& value) {
    ResultFilter filter;
    filter.*column = value;
    return message_of([&] { reader_->results(filter); });
  };
  EXPECT_THAT(
      refusal(&ResultFilter::method, "magnitud"),
      HasSubstr("store: method: unknown \"magnitud\"; did you mean \"magnitude\"? (one of dense, magnitude, random)"));
  EXPECT_THAT(refusal(&ResultFilter::control, "nonsense"),
              HasSubstr("control: unknown \"nonsense\" (one of none, random)"));
  EXPECT_THAT(refusal(&ResultFilter::schedule, "oneshot"), HasSubstr("did you mean \"one_shot\"? (one of one_shot)"));
  EXPECT_THAT(refusal(&ResultFilter::dataset, "mnist"), HasSubstr("dataset: unknown \"mnist\" (one of glyphs)"));
  EXPECT_THAT(refusal(&ResultFilter::model, "lenet"),
              HasSubstr("model: unknown \"lenet\"; did you mean \"lenet-300-100\"? (one of lenet-300-100)"));
  ResultFilter filter;
  filter.sparsity_target = 90;
  EXPECT_THAT(message_of([&] { reader_->results(filter); }),
              HasSubstr("sparsity: no trial has 90 (90 % is written 0.9); there are 0.0, 0.9"));
  filter.sparsity_target = 0.5;
  EXPECT_THAT(message_of([&] { reader_->results(filter); }), HasSubstr("no trial has 0.5; there are 0.0, 0.9"));
}

TEST_F(StoreReaderTest, ATrialWithoutAResultWaitsOrFailed) {
  std::vector<StoreChange> changes = finish_all(sample_.graph);
  std::get<StageFinished>(changes[retrain]).outcome.failure = Failure{ErrorKind::exhausted, "out of memory"};
  changes.erase(changes.begin() + random_evaluate);
  changes.erase(changes.begin() + evaluate);
  store_.apply(changes);
  EXPECT_THAT(reader_->results(), SizeIs(4));
  const std::vector<ResultRow> rows = reader_->results({}, Which::all);
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_EQ(rows[0].outcome, "learned");
  EXPECT_EQ(rows[1].outcome, "failed");
  EXPECT_EQ(rows[2].outcome, "waiting");
  EXPECT_FALSE(rows[1].accuracy || rows[2].accuracy || rows[2].has_result());
  EXPECT_EQ(rows[2].evaluation_key, to_hex(stage(random_evaluate).key));
}

TEST_F(StoreReaderTest, ValidationIsThatOfTheLastTrainingsEnd) {
  store_.apply(finish_all(sample_.graph));
  const ResultRow magnitude = reader_->results().at(1);
  EXPECT_EQ(magnitude.validation_accuracy, 0.94);
  EXPECT_EQ(magnitude.validation_loss, 0.21);
  EXPECT_EQ(magnitude.test_accuracy_at_best_validation, 0.96);
}

/// The outcome of the first magnitude trial after `change` of what its evaluation reports.
class Outcomes : public StoreReaderTest {
 protected:
  std::string outcome(const std::function<void(std::vector<StoreChange>&)>& change) {
    std::vector<StoreChange> changes = finish_all(sample_.graph);
    change(changes);
    store_.apply(changes);
    return reader_->results().at(1).outcome;
  }
  /// With these accuracies of the classes, all of one size, of 10,000 examples.
  std::string outcome_of_classes(const std::vector<double>& classes) {
    return outcome([&](std::vector<StoreChange>& changes) {
      double sum = 0;
      for (const double one : classes) sum += one;
      std::get<StageFinished>(changes[evaluate]).outcome.evaluation =
          Evaluation::of_classes(sum / static_cast<double>(classes.size()), 2.3, classes);
    });
  }
};

// Three standard errors of a guess: 3 sqrt(0.1 * 0.9 / 10000) = 0.009.
TEST_F(Outcomes, AtChanceIsNotAboveAGuessByThreeStandardErrors) {
  EXPECT_EQ(outcome_of_classes(std::vector<double>(10, 0.1088)), "at chance");
}
TEST_F(Outcomes, ALittleAboveChanceHasLearned) {
  EXPECT_EQ(outcome_of_classes(std::vector<double>(10, 0.1092)), "learned");
}
TEST_F(Outcomes, OneAnswerToEverythingIsAtChanceHoweverLargeItsClassIs) {
  EXPECT_EQ(outcome([](std::vector<StoreChange>& changes) {
              std::get<StageFinished>(changes[evaluate]).outcome.evaluation =
                  Evaluation::of_classes(0.1135, 2.3018, {0, 1, 0, 0, 0, 0, 0, 0, 0, std::nan("")});
            }),
            "at chance");
}
TEST_F(Outcomes, ADivergedLastTrainingIsSaid) {
  EXPECT_EQ(outcome([](std::vector<StoreChange>& changes) {
              std::get<StageFinished>(changes[retrain]).outcome.diverged = true;
            }),
            "diverged");
}
TEST_F(Outcomes, WithoutAPathItCollapsed) {
  EXPECT_EQ(outcome([](std::vector<StoreChange>& changes) {
              std::get<StageFinished>(changes[prune]).outcome.connectivity = Connectivity{false, 410, 0};
            }),
            "collapsed");
}
TEST_F(Outcomes, OfTheDenseNetworkAreBesideEachTrial) {
  EXPECT_EQ(outcome([](std::vector<StoreChange>& changes) {
              std::get<StageFinished>(changes[dense_evaluate]).outcome.evaluation =
                  Evaluation::of_classes(0.1, 2.3, std::vector<double>(10, 0.1));
            }),
            "learned");
  EXPECT_EQ(reader_->results().at(0).outcome, "at chance");
  EXPECT_EQ(reader_->results().at(1).dense_outcome, "at chance");
  EXPECT_EQ(reader_->results().at(4).dense_outcome, "learned");
}

TEST(UntrainedOutcome, AreWeightsAsTheyWereDrawnUnlessAFileHadThem) {
  const auto outcome = [](const std::string& scheme) {
    SampleSweep sample = make_sample_sweep(1);
    sample.graph.stages[init].spec = std::make_shared<const std::string>(R"({"scheme":")" + scheme + "\"}");
    sample.graph.stages[dense_evaluate].inputs = {{InputRole::weights, init}};
    const TemporaryFolder folder;
    Store store(folder.path / "store");
    store.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
    store.apply(finish_all(sample.graph));
    return StoreReader(store.paths().root).results().at(0).outcome;
  };
  EXPECT_EQ(outcome("kaiming_normal"), "untrained");
  EXPECT_EQ(outcome("as_scripted"), "learned");
}

TEST(DenseTrials, AreThoseWhoseMethodIsDenseAndNotThoseThatPruneNothing) {
  SampleSweep sample = make_sample_sweep(1);
  TrialConfig config = *sample.trials[0].config;
  EXPECT_EQ(config.method, kDenseMethod);
  config.method = "sparse_training";
  sample.trials[0].config = std::make_shared<const TrialConfig>(config);
  const TemporaryFolder folder;
  Store store(folder.path / "store");
  store.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
  store.apply(finish_all(sample.graph));
  const ResultRow row = StoreReader(store.paths().root).results().at(0);
  EXPECT_EQ(row.method, "sparse_training");
  EXPECT_FALSE(row.is_dense());
}

TEST_F(StoreReaderTest, CountsEachSweep) {
  store_.apply({AttemptStarted{1, "local-1", 0, 0, {stage(init).key, stage(early).key}, 1.0}, finish(stage(init)),
                finish(stage(dense_evaluate))});
  const std::vector<SweepRow> rows = reader_->sweeps();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].label, "sample");
  EXPECT_EQ(rows[0].state, "waiting");
  EXPECT_EQ(rows[0].trials, 6);
  EXPECT_EQ(rows[0].trials_done, 1);
  EXPECT_EQ(rows[0].stages, 20);
  EXPECT_EQ(rows[0].stages_done, 2);
  EXPECT_EQ(rows[0].stages_failed, 0);
  EXPECT_EQ(rows[0].running_attempts, 1);
  EXPECT_DOUBLE_EQ(*rows[0].last_finished_at, 1e9);
}

TEST_F(StoreReaderTest, CountsCollapsedTrialsAndTellsOfAStagesWarnings) {
  std::vector<StoreChange> changes = finish_all(sample_.graph);
  StageOutcome& masks = std::get<StageFinished>(changes[prune]).outcome;
  masks.connectivity = Connectivity{false, 410, 0};
  masks.warnings = {"fc2 is empty"};
  store_.apply(changes);
  EXPECT_EQ(reader_->sweeps().at(0).trials_collapsed, 1);
  const StageDetails details = reader_->stage(to_hex(stage(prune).key));
  EXPECT_EQ(details.connected, false);
  EXPECT_EQ(details.effective_kept, 0);
  EXPECT_THAT(details.warnings, ElementsAre("fc2 is empty"));
}

TEST_F(StoreReaderTest, ListsFailuresWithWhatTheyCost) {
  StageFinished failed = finish(stage(trained), 3);
  failed.outcome.failure = Failure{ErrorKind::exhausted, "out of memory"};
  failed.environment = store_.record_environment(R"({"host":"node7"})");
  store_.apply({failed});
  const std::vector<FailedStageRow> rows = reader_->failures("sample");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].failure_kind + ": " + rows[0].failure_message, "exhausted: out of memory");
  EXPECT_EQ(rows[0].host, "node7");
  EXPECT_EQ(rows[0].trials, 3);
}

TEST_F(StoreReaderTest, ExplainsAStageByItsFirstDigitsOrItsLabel) {
  const EnvironmentId environment = store_.record_environment(R"({"host":"node7"})");
  StageFinished finished = finish(stage(retrain), 2);
  finished.environment = environment;
  store_.apply({AttemptStarted{1, "local-1", 4, environment, {stage(retrain).key}, 1.0},
                AttemptEnded{1, "lost", "rank 4 died", 2.0}, finished});
  const StageDetails details = reader_->stage(to_hex(stage(retrain).key).substr(0, 12));
  EXPECT_EQ(details.stage.label, "retrain magnitude seed 0");
  EXPECT_EQ(details.stage.state, "done");
  EXPECT_EQ(details.attempt, 2U);
  EXPECT_EQ(details.steps, 700);
  EXPECT_EQ(details.trials, 1);
  EXPECT_EQ(details.environment, R"({"host":"node7"})");
  EXPECT_THAT(details.inputs, SizeIs(2));
  EXPECT_THAT(details.users, ElementsAre(Field(&StageRow::label, "evaluate magnitude seed 0")));
  EXPECT_THAT(details.attempts,
              ElementsAre(AllOf(Field(&AttemptRow::why, "rank 4 died"), Field(&AttemptRow::host, "node7"))));
  EXPECT_EQ(reader_->stage("train to 1000 seed 1").inputs.back().role, "resume_from");
}

TEST_F(StoreReaderTest, AnAmbiguousStageListsTenAtMost) {
  store_.record_sweep("noop", "", {}, make_noop_graph(1000));
  const std::string message = message_of([&] { reader_->stage("a"); });
  EXPECT_THAT(message, HasSubstr("\"a\" names more than 10 stages"));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 10);
  EXPECT_THAT(message_of([&] { reader_->stage("not a stage' OR 1=1"); }), HasSubstr("no stage's key begins with"));
  EXPECT_THAT(message_of([&] { reader_->stage(""); }), HasSubstr("no stage's key begins with"));
}

TEST_F(StoreReaderTest, ReadsCurvesAndCosts) {
  StageFinished finished = finish(stage(early));
  finished.outcome.metrics.push_back({300, "train_loss", std::nan("")});
  store_.apply({finished, finish(stage(trained))});
  const std::vector<MetricPoint> points = reader_->metrics(to_hex(stage(early).key));
  ASSERT_THAT(points, SizeIs(6));
  EXPECT_EQ(points[0].name, "train_loss");
  EXPECT_TRUE(std::isnan(points[2].value));
  const std::vector<KindCostRow> costs = reader_->measured_costs();
  ASSERT_THAT(costs, SizeIs(1));
  EXPECT_EQ(costs[0].done, 2);
  EXPECT_DOUBLE_EQ(costs[0].wall_s, 4.0);
}

TEST_F(StoreReaderTest, AReaderNeitherWritesNorKeepsTheLogFromShrinking) {
  const auto log = std::filesystem::path(store_.paths().database().string() + "-wal");
  const auto before = std::filesystem::file_size(log);
  reader_->results();
  reader_->sweeps();
  reader_.reset();
  EXPECT_EQ(std::filesystem::file_size(log), before);
}

TEST_F(StoreReaderTest, LayersSayWhatTheirMasksAreMadeOfAndWhatCameAfter) {
  store_.apply(finish_all(sample_.graph));
  const std::vector<ResultRow> results = reader_->results();
  const std::vector<LayerDensityRow> layers = reader_->layer_densities(sample_.name);
  ASSERT_THAT(layers, SizeIs(12));  // 3 layers of 2 methods with 2 seeds
  for (const LayerDensityRow& layer : layers) {
    const auto result = std::ranges::find(results, layer.trial_key, &ResultRow::trial_key);
    ASSERT_NE(result, results.end());
    EXPECT_EQ(layer.granularity, "weight");
    EXPECT_EQ(layer.retrain, result->retrain);
    EXPECT_NE(layer.retrain, "none");
    EXPECT_EQ(layer.control, result->control);
  }
  const nlohmann::ordered_json json = layers;
  EXPECT_EQ(json[0]["granularity"], "weight");
  EXPECT_EQ(json[0]["retrain"], layers[0].retrain);
}

TEST_F(StoreReaderTest, RowsAreJsonInTheOrderOfTheColumns) {
  store_.apply(finish_all(sample_.graph));
  const nlohmann::ordered_json rows = reader_->results();
  EXPECT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].begin().key(), "sweep");
  EXPECT_EQ(rows[0]["accuracy"], 0.98);
  EXPECT_EQ(nlohmann::ordered_json(reader_->sweeps())[0]["stages_done"], 20);
  EXPECT_EQ(nlohmann::ordered_json(reader_->stage("init seed 0"))["spec"]["optimizer"]["lr"], 0.01);
}

}  // namespace
}  // namespace espalier
