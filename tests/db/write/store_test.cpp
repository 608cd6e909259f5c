#include "db/write/store.h"

#include <array>
#include <cmath>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "db/read/store_reader.h"
#include "db/rows/cell_statistics.h"
#include "db/rows/mask_overlap_row.h"
#include "db/sqlite/refused_change.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

class StoreTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Store store_{folder_.path / "store"};
  SampleSweep sample_ = make_sample_sweep(2);

  std::string ask(const std::string& sql) const { return espalier::ask(store_.paths(), sql); }
  SweepId record() { return store_.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph); }
};

TEST_F(StoreTest, EveryOpeningRaisesTheGeneration) {
  EXPECT_EQ(store_.generation(), 1U);
  const auto root = folder_.path / "other";
  { const Store first(root); }
  EXPECT_EQ(Store(root).generation(), 2U);
}

TEST_F(StoreTest, TheSameSpecIsTheSameSweep) {
  EXPECT_EQ(store_.find_sweep(sample_.name, sample_.trials, sample_.graph), std::nullopt);
  const SweepId first = record();
  sample_.yaml += "# a comment\n";
  EXPECT_EQ(record(), first);
  EXPECT_EQ(store_.find_sweep(sample_.name, sample_.trials, sample_.graph), first);
  EXPECT_EQ(store_.find_sweep("other", sample_.trials, sample_.graph), std::nullopt);
  EXPECT_EQ(ask("SELECT count(*) FROM stages"), "20");
  EXPECT_EQ(ask("SELECT count(*) FROM trials"), "6");
}

TEST_F(StoreTest, WhatWasSubmittedIsKnownUntilItEnds) {
  const SweepId id = record();
  EXPECT_TRUE(store_.open_submissions().empty());
  store_.apply({SweepSubmitted{id, 1000, "/data", "program", "catalog", 3, false, true}});
  store_.apply({SweepSubmitted{id, 2000, "/data", "program", "catalog", 5, true, true, "/home"}});
  const std::vector<Submission> open = store_.open_submissions();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].sweep, id);
  EXPECT_EQ(open[0].at, 1000);
  EXPECT_EQ(open[0].priority, 5);
  EXPECT_TRUE(open[0].paused);
  EXPECT_EQ(open[0].folder, "/home");
  EXPECT_EQ(open[0].label, "sample");
  EXPECT_EQ(open[0].yaml, sample_.yaml);
  store_.apply({SweepSubmitted{id, 3000, "/data", "program", "catalog", 5, true, false}});
  EXPECT_TRUE(store_.open_submissions().empty());
}

TEST_F(StoreTest, AnotherSpecUnderTheSameNameIsANewEditionWithThePlainName) {
  const SweepId first = record();
  const SampleSweep old = sample_;
  sample_ = make_sample_sweep(3);
  const SweepId second = record();
  EXPECT_NE(first, second);
  EXPECT_EQ(ask("SELECT label FROM sweeps WHERE id = " + std::to_string(first)), "sample@1");
  EXPECT_EQ(ask("SELECT label FROM sweeps WHERE id = " + std::to_string(second)), "sample");
  EXPECT_EQ(ask("SELECT count(*) FROM stages"), "30");
  EXPECT_EQ(store_.record_sweep(old.name, old.yaml, old.trials, old.graph), first);
  EXPECT_EQ(ask("SELECT label FROM sweeps WHERE id = " + std::to_string(first)), "sample");
  EXPECT_EQ(ask("SELECT label FROM sweeps WHERE id = " + std::to_string(second)), "sample@2");
}

TEST_F(StoreTest, ATrialLearnsOfADenseNetworkThatALaterSweepEvaluates) {
  const SampleSweep full = sample_;
  for (TrialStages& stages : sample_.graph.trials) stages.dense_evaluate.reset();
  std::erase_if(sample_.graph.trials, [](const TrialStages& stages) { return !stages.masks; });
  std::erase_if(sample_.trials, [](const Trial& trial) { return !trial.config->prune; });
  record();
  store_.apply(finish_all(sample_.graph));
  EXPECT_EQ(ask("SELECT count(dense_accuracy) FROM results"), "0");
  store_.record_sweep("with-dense", full.yaml, full.trials, full.graph);
  EXPECT_EQ(ask("SELECT count(dense_accuracy) FROM results WHERE sweep = 'with-dense'"), "6");
  EXPECT_EQ(ask("SELECT count(dense_accuracy) FROM results WHERE sweep = 'sample'"), "4");
}

TEST_F(StoreTest, ASweepShowsItsDatasetInItsOwnSpelling) {
  record();
  store_.apply(finish_all(sample_.graph));
  SampleSweep other = make_sample_sweep(3);
  for (Trial& trial : other.trials) {
    TrialConfig config = *trial.config;
    config.dataset_name = "./glyphs";
    trial.config = std::make_shared<const TrialConfig>(config);
  }
  store_.record_sweep("other", other.yaml, other.trials, other.graph);
  EXPECT_EQ(ask("SELECT group_concat(DISTINCT dataset) FROM results WHERE sweep = 'sample'"), "glyphs");
  EXPECT_EQ(ask("SELECT group_concat(DISTINCT dataset) FROM results WHERE sweep = 'other'"), "./glyphs");
  EXPECT_EQ(ask("SELECT group_concat(DISTINCT dataset) FROM layer_density WHERE sweep = 'other'"), "./glyphs");
}

TEST_F(StoreTest, ACutThatALaterSweepMakesCountsForAllTrialsBehindIt) {
  const SampleSweep cut = sample_;
  for (Stage& stage : sample_.graph.stages) stage.resume_from.reset();
  record();
  const std::string early_stages =
      "SELECT count(*) FROM trial_stages x JOIN stages s ON s.id = x.stage_id"
      " JOIN trials t ON t.id = x.trial_id WHERE s.label LIKE 'train to 500%' AND t.method = 'dense'";
  EXPECT_EQ(ask(early_stages), "0");
  const SampleSweep other = make_sample_sweep(1);  // has seed 0, so that only its training is cut
  store_.record_sweep("other", other.yaml, other.trials, other.graph);
  EXPECT_EQ(ask(early_stages), "1");
  // What is done was done uncut.
  store_.apply(finish_all(cut.graph));
  store_.record_sweep("cut", cut.yaml, cut.trials, cut.graph);
  EXPECT_EQ(ask(early_stages), "1");
}

TEST_F(StoreTest, ResultsCountWhatIsLeftAndWhatItCost) {
  record();
  store_.apply(finish_all(sample_.graph));
  EXPECT_EQ(ask("SELECT count(*) FROM results"), "6");
  const std::string pruned = " FROM results WHERE method = 'magnitude' AND seed = 1";
  EXPECT_EQ(ask("SELECT params_total" + pruned), "266610");
  EXPECT_EQ(ask("SELECT params_kept" + pruned), std::to_string(266610 - kSamplePruned));
  EXPECT_EQ(ask("SELECT madds_dense" + pruned), "266200");
  EXPECT_EQ(ask("SELECT madds_effective" + pruned), "26620");
  EXPECT_EQ(ask("SELECT round(sparsity, 12)" + pruned), "0.9");
  EXPECT_EQ(ask("SELECT accuracy" + pruned), "0.971");
  EXPECT_EQ(ask("SELECT dense_accuracy" + pruned), "0.98");
  EXPECT_EQ(ask("SELECT test_accuracy_at_best_validation" + pruned), "0.96");
  // 500 to the cut, 500 more to the end, 700 of retraining; init, two trainings, prune, retrain, evaluate at 2 s each.
  EXPECT_EQ(ask("SELECT train_steps" + pruned), "1700");
  EXPECT_EQ(ask("SELECT wall_s" + pruned), "12.0");
  const std::string dense = " FROM results WHERE method = 'dense' AND seed = 0";
  EXPECT_EQ(ask("SELECT sparsity" + dense), "0.0");
  EXPECT_EQ(ask("SELECT params_kept" + dense), "266610");
  EXPECT_EQ(ask("SELECT control || criterion || schedule" + dense), "none");
  EXPECT_EQ(ask("SELECT train_steps" + dense), "1000");
}

TEST_F(StoreTest, ATrialShowsOnceItsEvaluationIsDone) {
  record();
  EXPECT_EQ(ask("SELECT count(*) FROM results"), "0");
  store_.apply({finish(sample_.graph.stages[dense_evaluate])});
  EXPECT_EQ(ask("SELECT group_concat(method) FROM results"), "dense");
}

TEST_F(StoreTest, StepsAreThoseTakenAndThosePlannedStandBeside) {
  record();
  std::vector<StoreChange> changes = finish_all(sample_.graph);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    StageOutcome& outcome = std::get<StageFinished>(changes[i]).outcome;
    const std::string& label = sample_.graph.stages[i].label;
    if (label == "retrain magnitude seed 1") outcome.collapsed = true, outcome.steps = 0;
    if (label == "retrain random seed 1") outcome.diverged = true, outcome.steps = 3;
    // The cut diverged, so what goes on from it does not.
    if (label.starts_with("train to") && label.ends_with("seed 0")) outcome.diverged = true, outcome.steps = 12;
  }
  store_.apply(std::move(changes));
  const auto steps = [&](const std::string& which) {
    return ask("SELECT train_steps || ' of ' || train_steps_planned FROM results WHERE " + which);
  };
  EXPECT_EQ(steps("method = 'magnitude' AND seed = 1"), "1000 of 1700");
  EXPECT_EQ(steps("method = 'random' AND seed = 1"), "1003 of 1700");
  EXPECT_EQ(steps("method = 'dense' AND seed = 1"), "1000 of 1000");
  EXPECT_EQ(steps("method = 'dense' AND seed = 0"), "12 of 1000");
  EXPECT_EQ(steps("method = 'magnitude' AND seed = 0"), "712 of 1700");
}

TEST_F(StoreTest, ACellOfWhichASeedHasNoAccuracyIsOnNoFrontier) {
  record();
  std::vector<StoreChange> changes = finish_all(sample_.graph);
  const std::string methods = "SELECT group_concat(method) FROM (SELECT method FROM frontier ORDER BY method)";
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (sample_.graph.stages[i].label != "evaluate magnitude seed 1") continue;
    StageOutcome& outcome = std::get<StageFinished>(changes[i]).outcome;
    outcome.evaluation = Evaluation::of_classes(std::nan(""), std::nan(""), std::vector<double>(10, std::nan("")));
  }
  store_.apply(std::move(changes));
  EXPECT_EQ(ask("SELECT count(*) - count(accuracy) FROM results"), "1");
  EXPECT_EQ(ask("SELECT count(accuracy) FROM class_accuracies c JOIN stages s ON s.id = c.stage_id"
                " WHERE s.label = 'evaluate magnitude seed 1'"),
            "0");
  EXPECT_EQ(ask(methods), "dense,random");
}

TEST_F(StoreTest, NotANumberIsNull) {
  record();
  StageFinished finished = finish(sample_.graph.stages[dense_evaluate]);
  finished.outcome.evaluation = Evaluation::of_classes(0.98, std::nan(""), {});
  store_.apply({finished});
  EXPECT_EQ(ask("SELECT loss FROM results"), "NULL");
  EXPECT_EQ(ask("SELECT accuracy FROM results"), "0.98");
}

TEST_F(StoreTest, MetricsOfAnyNameAndPointAreKept) {
  record();
  StageFinished finished = finish(sample_.graph.stages[dense_evaluate]);
  finished.outcome.evaluation->metrics.push_back({"accuracy_at_threshold", 0.5, 0.75});
  finished.outcome.evaluation->metrics.push_back({"accuracy_at_threshold", 0.25, std::nan("")});
  store_.apply({finished});
  EXPECT_EQ(ask("SELECT group_concat(at || ':' || ifnull(value, '-')) FROM evaluation_metrics"
                " WHERE name = 'accuracy_at_threshold'"),
            "0.25:-,0.5:0.75");
  EXPECT_EQ(ask("SELECT accuracy || ' ' || loss FROM evaluations"), "0.98 0.1");
  EXPECT_EQ(ask("SELECT count(*) || ' ' || max(class) FROM class_accuracies"), "10 9");
}

// One whose task has no accuracy.
TEST_F(StoreTest, ALossAloneIsAnEvaluation) {
  record();
  StageFinished finished = finish(sample_.graph.stages[dense_evaluate]);
  finished.outcome.evaluation = Evaluation{{{"loss", 0, 2.5}}};
  store_.apply({finished});
  EXPECT_EQ(ask("SELECT ifnull(accuracy, '-') || ' ' || loss FROM evaluations"), "- 2.5");
}

TEST_F(StoreTest, TheSameOutcomeTwiceChangesNothing) {
  record();
  const Stage& stage = sample_.graph.stages[dense_evaluate];
  store_.apply({finish(stage, 7)});
  StageFinished again = finish(stage, 8);
  again.outcome.evaluation = Evaluation::of_classes(0.5, 0.1, {});
  StageFinished failed = finish(stage, 9);
  failed.outcome.failure = Failure{ErrorKind::unavailable, "late"};
  store_.apply({again, failed});
  EXPECT_EQ(ask("SELECT accuracy FROM results"), "0.98");
  EXPECT_EQ(ask("SELECT attempt || state FROM stages WHERE kind = 'evaluate' AND state != 'waiting'"), "7done");
}

TEST_F(StoreTest, AFailureIsForgottenOnDemandAndALateEchoOfItIsNotHeard) {
  const SweepId sweep = record();
  StageFinished failed = finish(sample_.graph.stages[init], 5);
  failed.outcome.failure = Failure{ErrorKind::exhausted, "out of memory"};
  store_.apply({failed});
  EXPECT_EQ(ask("SELECT failure_kind || ': ' || failure_message FROM stages WHERE state = 'failed'"),
            "exhausted: out of memory");
  store_.forget_failures(sweep);
  EXPECT_EQ(ask("SELECT count(*) FROM stages WHERE state = 'failed'"), "0");
  store_.apply({failed});
  EXPECT_EQ(ask("SELECT count(*) FROM stages WHERE state = 'failed'"), "0");
  EXPECT_EQ(ask("SELECT note FROM stages WHERE note IS NOT NULL"), "tried again after it failed: out of memory");
  store_.apply({finish(sample_.graph.stages[init], 6)});
  EXPECT_TRUE(store_.done_stages(sample_.graph)[init]);
}

TEST_F(StoreTest, AnOutcomeOfAnUnknownStageIsRefused) {
  record();
  const StageGraph other = make_noop_graph(1);
  EXPECT_THROW(store_.apply({finish(sample_.graph.stages[init]), finish(other.stages[0])}), RefusedChange);
  EXPECT_EQ(ask("SELECT count(*) FROM stages WHERE state = 'done'"), "0");
}

TEST_F(StoreTest, AttemptsAreKeptWithTheirStages) {
  record();
  const EnvironmentId environment = store_.record_environment(R"({"host":"a"})");
  EXPECT_EQ(store_.record_environment(R"({"host":"a"})"), environment);
  EXPECT_THROW(store_.record_environment("{host"), Error);
  const StageKey key = sample_.graph.stages[init].key;
  store_.apply({AttemptStarted{1, "local-1", 3, environment, {key}, 10.0}, AttemptEnded{1, "lost", "rank 3 died", 12.0},
                SweepChanged{1, "stopped", 13.0}});
  EXPECT_EQ(ask("SELECT pool || rank || how || (ended_at - started_at) FROM attempts"), "local-13lost2.0");
  EXPECT_EQ(ask("SELECT s.key FROM attempt_stages a JOIN stages s ON s.id = a.stage_id"), to_hex(key));
  EXPECT_EQ(ask("SELECT state FROM sweeps"), "stopped");
}

TEST_F(StoreTest, AStoreWithRowsInEveryTableOpensAgain) {
  const auto root = folder_.path / "full";
  {
    Store store(root);
    store.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    store.record_environment(R"({"host":"a"})");
    store.apply({AttemptStarted{1, "local-1", 3, 1, {sample_.graph.stages[init].key}, 10.0}});
    store.apply(finish_all(sample_.graph));
    CellStatistics cell;
    cell.sweep = "sample";
    cell.control = "none";
    store.write_cell_statistics({cell});
  }
  const Store again(root);
  EXPECT_EQ(espalier::ask(again.paths(), "SELECT count(*) FROM pragma_quick_check WHERE quick_check != 'ok'"), "0");
}

TEST_F(StoreTest, SecondsPerCostAreTheMedianOfThisHost) {
  record();
  EXPECT_FALSE(store_.measured_cost().overall);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const EnvironmentId here = store_.record_environment(std::string(R"({"host":")") + host.data() + "\"}");
  const EnvironmentId there = store_.record_environment(R"({"host":"elsewhere.example"})");
  std::vector<StoreChange> changes;
  for (const auto& [stage, seconds, environment] :
       {std::tuple(+early, 1.0, here), {+trained, 2.0, here}, {+retrain, 7.0, here}, {+random_retrain, 99.0, there}}) {
    StageFinished finished = finish(sample_.graph.stages[static_cast<std::size_t>(stage)]);
    finished.outcome.wall_s = seconds;
    finished.environment = environment;
    changes.emplace_back(finished);
  }
  store_.apply(changes);
  // 1 s / 5e8, 2 s / 5e8 and 7 s / 7e8.
  EXPECT_DOUBLE_EQ(*store_.measured_cost().overall, 4e-9);
}

TEST_F(StoreTest, SecondsPerCostAreMeasuredByModel) {
  sample_.graph.stages[retrain].spec = std::make_shared<const std::string>(R"({"model":{"name":"lenet-5"}})");
  sample_.graph.stages[early].spec = std::make_shared<const std::string>(R"({"model":{"name":"mlp-3"}})");
  record();
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const EnvironmentId here = store_.record_environment(std::string(R"({"host":")") + host.data() + "\"}");
  std::vector<StoreChange> changes;
  for (const auto& [stage, seconds] : {std::pair(+early, 1.0), {+retrain, 7.0}}) {
    StageFinished finished = finish(sample_.graph.stages[static_cast<std::size_t>(stage)]);
    finished.outcome.wall_s = seconds;
    finished.environment = here;
    changes.emplace_back(finished);
  }
  store_.apply(changes);
  const MeasuredCost measured = StoreReader(store_.paths().root).measured_cost();
  EXPECT_THAT(measured.by_model, testing::ElementsAre(testing::Pair("lenet-5", testing::DoubleEq(1e-8)),
                                                      testing::Pair("mlp-3", testing::DoubleEq(2e-9))));
}

TEST_F(StoreTest, WeightsOnNoPathDoNotCountAsKept) {
  record();
  store_.apply(finish_all(sample_.graph));
  const std::string pruned = " FROM results WHERE method = 'magnitude' AND seed = 1";
  EXPECT_EQ(ask("SELECT round(effective_sparsity, 12)" + pruned), "0.902141247183");  // 1 - 26050 / 266200
  EXPECT_EQ(ask("SELECT dead_units || connected || collapsed" + pruned), "310");
  EXPECT_EQ(
      ask("SELECT effective_sparsity || dead_units || connected || collapsed FROM results WHERE method = 'dense'"),
      "0.0010");
  EXPECT_EQ(ask("SELECT group_concat(effective || '/' || dead_units) FROM (SELECT * FROM layer_density WHERE seed = 0"
                " AND method = 'magnitude')"),
            "23000/2,2950/1,100/0");
}

TEST_F(StoreTest, ACollapseIsALabelledResult) {
  record();
  std::vector<StoreChange> changes = finish_all(sample_.graph);
  StageOutcome& masks = std::get<StageFinished>(changes[prune]).outcome;
  masks.connectivity = Connectivity{false, 410, 0};
  masks.warnings = {"fc2 is empty: none of its 30000 weights is kept", "the network collapsed"};
  StageOutcome& trained = std::get<StageFinished>(changes[retrain]).outcome;
  trained.collapsed = true;
  trained.steps = 0;
  StageOutcome& unknown = std::get<StageFinished>(changes[random_prune]).outcome;  // of a network without operations
  unknown.connectivity.reset();
  unknown.shrunk_size.reset();
  for (LayerCount& layer : unknown.layers) layer.effective = layer.dead_units = -1;
  store_.apply(changes);
  const std::string first = " FROM results WHERE seed = 0 AND method = 'magnitude'";
  EXPECT_EQ(ask("SELECT collapsed || connected || effective_sparsity" + first), "101.0");
  EXPECT_EQ(ask("SELECT warning FROM stage_warnings WHERE position = 0"),
            "fc2 is empty: none of its 30000 weights is kept");
  EXPECT_EQ(ask("SELECT collapsed || ifnull(connected, '?') || ifnull(effective_sparsity, '?') FROM results"
                " WHERE seed = 0 AND method = 'random'"),
            "0??");
  EXPECT_EQ(ask("SELECT ifnull(params_shrunk, '?') || ifnull(madds_shrunk, '?') || ifnull(file_bytes, '?') FROM results"
                " WHERE seed = 0 AND method = 'random'"),
            "???");
  EXPECT_EQ(ask("SELECT count(effective) FROM layer_density WHERE seed = 0 AND method = 'random'"), "0");
}

TEST_F(StoreTest, SensitivityCurvesBeginWithNothingRemoved) {
  record();
  StageFinished finished = finish(sample_.graph.stages[prune]);
  finished.outcome.sensitivity = {
      {"fc1", 0, 100, 100, 0.25}, {"fc1", 0.5, 100, 50, 0.75}, {"fc2", 0.5, 10, 5, std::nan("")}};
  store_.apply({finished});
  EXPECT_EQ(
      ask("SELECT group_concat(scope || kept || '/' || units || ' ' || ifnull(loss_increase, '?')) FROM sensitivity"),
      "fc1100/100 0.0,fc150/100 0.5,fc25/10 ?");
}

TEST_F(StoreTest, CellStatisticsReplaceThoseOfTheirSweep) {
  record();
  CellStatistics cell;
  cell.sweep = "sample";
  cell.method = "magnitude";
  cell.control = "none";
  cell.mean_difference_pp = 1.5;
  store_.write_cell_statistics({cell, cell});
  EXPECT_EQ(ask("SELECT count(*) FROM versus_random"), "2");
  store_.write_cell_statistics({cell});
  EXPECT_EQ(ask("SELECT group_concat(mean_difference_pp || ifnull(p_value, '?')) FROM versus_random"), "1.5?");
}

TEST_F(StoreTest, MaskOverlapsReplaceThoseOfTheirSweepAndNameBothTrials) {
  const SweepId sweep = record();
  store_.apply(finish_all(sample_.graph));
  const std::vector<TrialMasksRow> masks = StoreReader(store_.paths().root).trial_masks("sample");
  ASSERT_EQ(masks.size(), 4U);  // two seeds of two methods
  EXPECT_EQ(masks[0].masks_key, to_hex(sample_.graph.stages[prune].key));
  MaskOverlapRow row;
  row.pairing = "method";
  row.a.trial = masks[0].trial;
  row.b.trial = masks[1].trial;
  row.a.kept = row.b.kept = 26620;
  row.kept_both = 13310;
  row.jaccard = 1.0 / 3;
  store_.write_mask_overlaps(sweep, {row, row});
  store_.write_mask_overlaps(sweep, {row});
  const std::vector<MaskOverlapRow> back = StoreReader(store_.paths().root).mask_overlaps("sample");
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].a.method + back[0].b.method, "magnituderandom");
  EXPECT_EQ(back[0].b.control, masks[1].control);
  EXPECT_EQ(back[0].kept_both, 13310);
  EXPECT_EQ(back[0].sparsity_target, 0.9);
  EXPECT_FALSE(back[0].corrected);
}

}  // namespace
}  // namespace espalier
