// What failed, as the store keeps it and as it is read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "db/read/store_reader.h"
#include "db/rows/rows_json.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class Failures : public testing::Test {
 protected:
  void SetUp() override {
    sweep_ = store_.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    reader_.emplace(store_.paths().root);
  }
  const Stage& stage(std::size_t role, std::size_t seed = 0) const {
    return sample_.graph.stages[seed * kStagesPerSeed + role];
  }
  StageFinished failed(const Stage& stage, LossCause cause, std::uint64_t attempt = 3) {
    StageFinished finished = finish(stage, attempt);
    finished.outcome.failure = Failure{ErrorKind::internal, "went wrong", cause};
    finished.environment = store_.record_environment(R"({"host":"node7"})");
    return finished;
  }
  FailureCharged charged(const Stage& stage, LossCause cause, double at, bool quarantined = false) {
    FailureCharged charge;
    charge.stage = stage.key;
    charge.attempt = 3;
    charge.at = at;
    charge.cause = cause;
    charge.signal = 11;
    charge.host = "node7";
    charge.pool = "local-1";
    charge.rank = 2;
    charge.message = "rank 2 was killed by signal 11";
    charge.log = "step 10\nstep 20\n";
    charge.backtrace = "a.so(f+0x1)[0x2]\n";
    charge.quarantined = quarantined;
    return charge;
  }
  std::vector<std::string> fates() {
    std::vector<std::string> states;
    for (const TrialFateRow& row : reader_->trial_fates("sample")) states.push_back(row.state);
    return states;
  }

  TemporaryFolder folder_;
  Store store_{folder_.path / "store"};
  SampleSweep sample_ = make_sample_sweep(2);
  SweepId sweep_ = 0;
  std::optional<StoreReader> reader_;
};

TEST_F(Failures, NothingFailedIsNothing) {
  store_.apply(finish_all(sample_.graph));
  EXPECT_THAT(reader_->charged_failures("sample"), IsEmpty());
  EXPECT_THAT(reader_->diverged_stages("sample"), IsEmpty());
  EXPECT_THAT(fates(), AllOf(SizeIs(6), Each("done")));
}

TEST_F(Failures, AreReadWithTheirEvidenceNewestFirst) {
  store_.apply({charged(stage(retrain), LossCause::signal, 10), charged(stage(trained), LossCause::signal, 20, true),
                failed(stage(trained), LossCause::signal)});
  const std::vector<ChargedFailureRow> rows = reader_->charged_failures("sample");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].key, to_hex(stage(trained).key));
  EXPECT_EQ(rows[0].label, "train to 1000 seed 0");
  EXPECT_EQ(rows[0].kind, "train");
  EXPECT_EQ(rows[0].state, "failed");
  EXPECT_EQ(rows[0].cause, "signal");
  EXPECT_EQ(rows[0].signal, 11);
  EXPECT_FALSE(rows[0].exit_code);
  EXPECT_EQ(rows[0].host + " " + rows[0].pool, "node7 local-1");
  EXPECT_EQ(rows[0].log, "step 10\nstep 20\n");
  EXPECT_TRUE(rows[0].quarantined);
  EXPECT_EQ(rows[0].trials, 3);  // dense, magnitude, random of seed 0
  EXPECT_EQ(rows[1].state, "waiting");
  EXPECT_FALSE(rows[1].quarantined);
  EXPECT_EQ(rows[1].trials, 1);
  EXPECT_THAT(reader_->charged_failures("sample", 1), SizeIs(1));
}

TEST_F(Failures, AStageThatFailedBeforeChargesWereKeptIsNotForgotten) {
  store_.apply({failed(stage(trained), LossCause::numeric)});
  const std::vector<ChargedFailureRow> rows = reader_->charged_failures("sample");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].cause, "numeric");
  EXPECT_EQ(rows[0].message, "internal: went wrong");
  EXPECT_EQ(rows[0].host, "node7");
  EXPECT_TRUE(rows[0].quarantined);
}

TEST_F(Failures, OfAnotherSweepAreNotMine) {
  store_.record_sweep("noop", "", {}, make_noop_graph(1));
  store_.apply({charged(make_noop_graph(1).stages[0], LossCause::signal, 1)});
  EXPECT_THAT(reader_->charged_failures("sample"), IsEmpty());
  EXPECT_THAT(reader_->charged_failures("noop"), SizeIs(1));
}

TEST_F(Failures, SayWhatBecameOfEveryTrial) {
  StageFinished diverged = finish(stage(random_retrain, 1));
  diverged.outcome.diverged = true;
  store_.apply({finish(stage(dense_evaluate)), failed(stage(prune), LossCause::numeric),
                charged(stage(prune), LossCause::numeric, 1, true), failed(stage(evaluate, 1), LossCause::error),
                diverged});
  const std::vector<TrialFateRow> rows = reader_->trial_fates("sample");
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_EQ(rows[0].state, "done");
  EXPECT_THAT(rows[0].struck, IsEmpty());
  EXPECT_EQ(rows[1].state, "blocked");
  EXPECT_EQ(rows[1].method, "magnitude");
  EXPECT_EQ(rows[1].variant, "train.lr=0.01");
  EXPECT_EQ(rows[1].model, "lenet-300-100");
  EXPECT_DOUBLE_EQ(rows[1].sparsity_target, 0.9);
  EXPECT_THAT(rows[1].struck, SizeIs(1));
  EXPECT_EQ(rows[2].state, "waiting");
  EXPECT_EQ(rows[4].state, "failed");
  EXPECT_THAT(rows[4].struck, SizeIs(1));
  EXPECT_THAT(rows[5].diverged, SizeIs(1));
  const std::vector<DivergedStageRow> stages = reader_->diverged_stages("sample");
  ASSERT_THAT(stages, SizeIs(1));
  EXPECT_EQ(stages[0].label, "retrain random seed 1");
  EXPECT_EQ(stages[0].stage, rows[5].diverged[0]);
  EXPECT_EQ(stages[0].trials, 1);
  const SweepRow sweep = reader_->sweeps().at(0);
  EXPECT_EQ(sweep.trials_failed, 1);
  EXPECT_EQ(sweep.trials_blocked, 1);
  EXPECT_EQ(sweep.stages_failed, 2);
}

TEST_F(Failures, KnowWhatEachHostHasDone) {
  std::vector<StoreChange> changes;
  for (const auto& [host, role] : {std::pair("node1", init), std::pair("node1", early), std::pair("node2", trained)}) {
    StageFinished done = finish(stage(role));
    done.environment = store_.record_environment(std::string(R"({"host":")") + host + "\"}");
    changes.emplace_back(done);
  }
  store_.apply(changes);
  store_.record_sweep("noop", "", {}, make_noop_graph(1));
  const std::vector<HostWorkRow> rows = reader_->work_by_host("sample");
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].host + rows[0].kind, "node1init");
  EXPECT_EQ(rows[2].host + rows[2].kind, "node2train");
  EXPECT_EQ(rows[2].done, 1);
  EXPECT_EQ(rows[2].in_sweep, 1);
  EXPECT_EQ(reader_->work_by_host("noop").at(2).in_sweep, 0);
}

TEST_F(Failures, KnowHowManyJobsEachHostFinishedLately) {
  const EnvironmentId node1 = store_.record_environment(R"({"host":"node1"})");
  std::vector<StoreChange> changes;
  for (const auto& [number, how, at] :
       {std::tuple(1, "finished", 100.0), std::tuple(2, "finished", 200.0), std::tuple(3, "lost", 200.0)}) {
    const auto attempt = static_cast<std::uint64_t>(number);
    changes.emplace_back(AttemptStarted{attempt, "local-1", 0, node1, {}, at});
    changes.emplace_back(AttemptEnded{attempt, how, "", at, {}});
  }
  store_.apply(changes);
  EXPECT_EQ(reader_->jobs_finished_by_host(150), (std::map<std::string, std::int64_t>{{"node1", 1}}));
}

TEST_F(Failures, AreForgottenByCauseAndByStage) {
  store_.apply({failed(stage(trained), LossCause::signal), failed(stage(retrain), LossCause::error),
                failed(stage(random_retrain), LossCause::oom_host), failed(stage(init, 1), LossCause::error)});
  const std::vector<bool> before = store_.failed_stages(sample_.graph);
  EXPECT_EQ(std::count(before.begin(), before.end(), true), 4);
  EXPECT_TRUE(before[trained]);
  EXPECT_EQ(store_.forget_failures(sweep_, {{LossCause::hung}, {}}), 0);
  EXPECT_EQ(store_.forget_failures(sweep_, {{LossCause::error}, {to_hex(stage(retrain).key).substr(0, 8)}}), 1);
  EXPECT_EQ(store_.forget_failures(sweep_, {{LossCause::error, LossCause::numeric}, {}}), 1);
  EXPECT_EQ(store_.forget_failures(sweep_, {{}, {"not a key", to_hex(stage(trained).key)}}), 1);
  const std::vector<bool> after = store_.failed_stages(sample_.graph);
  EXPECT_EQ(std::count(after.begin(), after.end(), true), 1);
  EXPECT_TRUE(after[random_retrain]);
  EXPECT_EQ(store_.forget_failures(sweep_), 1);
  EXPECT_EQ(store_.forget_failures(sweep_), 0);
}

TEST_F(Failures, AreKeptAsEvidenceWhenTheyAreForgotten) {
  store_.apply({charged(stage(trained), LossCause::signal, 10, true), failed(stage(trained), LossCause::signal)});
  store_.forget_failures(sweep_);
  const std::vector<ChargedFailureRow> rows = reader_->charged_failures("sample");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].state, "waiting");
  EXPECT_THAT(fates(), Each("waiting"));
}

TEST_F(Failures, AStageTellsOfItsOwn) {
  store_.apply({AttemptStarted{3, "local-1", 2, 0, {stage(trained).key}, 1.0},
                AttemptEnded{3, "lost", "rank 2 died", 2.0, LossCause::signal},
                charged(stage(trained), LossCause::signal, 10, true), failed(stage(trained), LossCause::signal)});
  const StageDetails details = reader_->stage("train to 1000 seed 0");
  EXPECT_EQ(details.failure_cause, "signal");
  EXPECT_THAT(details.attempts, ElementsAre(Field(&AttemptRow::cause, "signal")));
  EXPECT_THAT(details.failures,
              ElementsAre(AllOf(Field(&StageFailureRow::host, "node7"), Field(&StageFailureRow::quarantined, true))));
  const nlohmann::ordered_json json = details;
  EXPECT_EQ(json["failures"][0]["signal"], 11);
  EXPECT_TRUE(json["failures"][0]["exit_code"].is_null());
  EXPECT_EQ(json["attempts"][0]["cause"], "signal");
  EXPECT_EQ(reader_->failures("sample").at(0).failure_cause, "signal");
  EXPECT_EQ(nlohmann::ordered_json(reader_->charged_failures("sample"))[0]["rank"], 2);
}

}  // namespace
}  // namespace espalier
