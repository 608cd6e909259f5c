// From a sweep's file and a store's configuration to what is put up with, and what is tried again.
#include "orchestrator/sweeps/retry_failures.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/failures/failure_evidence.h"
#include "analysis/failures/failure_report.h"
#include "base/error.h"
#include "orchestrator/sweeps/load_store_config.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kSweep =
    "sweep: rates\ndataset: {name: glyphs, train: 600, validation: 100, test: 100}\nmodel: lenet-300-100\nseeds: 2\n"
    "train: {lr: [0.1, 1], batch_size: 50, epochs: 1}\nprune: {method: magnitude, sparsity: [0.5, 0.9]}\n";

class RetryFailures : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_retry_" + std::to_string(::getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(paths_().root);
    write("rates.yaml", kSweep);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  StorePaths paths_() const { return {folder_ / "store"}; }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  LoadedSweep load(const std::vector<std::string>& overrides = {}) {
    return load_sweep(folder_ / "rates.yaml", overrides, {}, load_store_config(paths_()));
  }
  std::string problem() {
    try {
      load();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "none";
  }

  std::filesystem::path folder_;
};

TEST_F(RetryFailures, ThePolicyIsTheSweepsThenTheStoresThenTheDefault) {
  EXPECT_EQ(load().on_failure.crashes, 3);
  write("store/config.yaml", "on_failure: {crashes: 5, errors: 2}\n");
  EXPECT_EQ(load().on_failure.crashes, 5);
  const LoadedSweep sweep = load({"on_failure.crashes=7"});
  EXPECT_EQ(sweep.on_failure.crashes, 7);
  EXPECT_EQ(sweep.on_failure.errors, 2);
  EXPECT_EQ(sweep.on_failure.out_of_memory, 2);
}

TEST_F(RetryFailures, AWrongConfigurationIsNamedByItsFile) {
  write("store/config.yaml", "on_failure: {crashs: 5}\nworkers: 3\n");
  EXPECT_THAT(problem(), AllOf(HasSubstr("the store's configuration has 2 problems:\n" + paths_().config().string() +
                                         ":1:14: on_failure.crashs: unknown \"crashs\"; did you mean \"crashes\"?"),
                               HasSubstr(":2:1: workers: unknown \"workers\"")));
  std::filesystem::remove(paths_().config());
  std::filesystem::create_directories(paths_().config());
  EXPECT_THAT(problem(), HasSubstr("config.yaml"));
}

/// A store where every training with a learning rate of 1 said that its loss made no sense, one crashed, and the rest
/// is done.
class RetryAfterFailures : public RetryFailures {
 protected:
  void SetUp() override {
    RetryFailures::SetUp();
    sweep_ = load();
    store_.emplace(paths_().root);
    id_ = store_->record_sweep(sweep_.name, sweep_.yaml, sweep_.trials, sweep_.graph);
    const EnvironmentId environment = store_->record_environment(R"({"host":"node3"})");
    std::vector<StoreChange> changes;
    std::vector<bool> lost(sweep_.graph.stages.size());
    for (std::size_t i = 0; i < lost.size(); ++i) {
      const Stage& stage = sweep_.graph.stages[i];
      for (const StageInput& input : stage.inputs) lost[i] = lost[i] || lost[input.stage];
      if (lost[i]) continue;
      StageFinished finished;
      finished.environment = environment;
      finished.at = 1e9 + static_cast<double>(i);
      finished.outcome.key = stage.key;
      finished.outcome.attempt = i + 1;
      const bool is_odd = stage.kind == StageKind::train && stage.spec->find("\"lr\":1,") != std::string::npos;
      const bool crashes = stage.kind == StageKind::prune && !crashed_;
      if (is_odd || crashes) {
        lost[i] = true;
        const LossCause cause = is_odd ? LossCause::numeric : LossCause::signal;
        finished.outcome.failure =
            Failure{is_odd ? ErrorKind::numeric : ErrorKind::unavailable, "made no sense", cause};
        FailureCharged charged;
        charged.stage = stage.key;
        charged.cause = cause;
        charged.host = "node3";
        charged.pool = "local-1";
        charged.at = finished.at;
        charged.message = is_odd ? "loss of layer fc" + std::to_string(i) + " made no sense" : "killed by signal 11";
        charged.quarantined = true;
        changes.emplace_back(charged);
        if (crashes) crashed_ = to_hex(stage.key);
      } else if (stage.kind == StageKind::evaluate) {
        finished.outcome.evaluation = Evaluation::of_classes(0.9, 0.1, {});
      }
      changes.emplace_back(finished);
    }
    store_->apply(changes);
  }
  std::int64_t failed() {
    const std::vector<bool> flags = store_->failed_stages(sweep_.graph);
    return std::count(flags.begin(), flags.end(), true);
  }
  std::int64_t retry(const RetryRequest& request) { return retry_failures(*store_, id_, sweep_.name, request); }

  LoadedSweep sweep_;
  std::optional<Store> store_;
  SweepId id_ = 0;
  std::optional<std::string> crashed_;
};

TEST_F(RetryAfterFailures, ItsReportSaysWhatIsBad) {
  EXPECT_EQ(failed(), 3);  // two trainings (seeds) and a prune
  const std::string text = render_failures("rates", read_failure_evidence(StoreReader(paths_().root), "rates"), {});
  EXPECT_THAT(text, HasSubstr("region: every trial with train.lr=1 fails: 10 of 10; nothing else does"));
  EXPECT_THAT(text, HasSubstr("job: only this job fails (1 time)"));
  EXPECT_THAT(text, HasSubstr("numeric: loss of layer fc# made no sense"));
  EXPECT_THAT(text, HasSubstr("11 of 20 trials have no result: 0 failed, 11 blocked"));
}

TEST_F(RetryAfterFailures, ByCauseByStageAndBySignature) {
  EXPECT_EQ(retry({{LossCause::hung}, {}, ""}), 0);
  EXPECT_EQ(retry({{}, {}, "no such text"}), 0);
  EXPECT_EQ(retry({{}, {crashed_->substr(0, 10)}, "MADE NO SENSE"}), 0);
  EXPECT_EQ(retry({{LossCause::signal}, {}, "made no sense"}), 0);
  EXPECT_EQ(failed(), 3);
  EXPECT_EQ(retry({{}, {}, "Layer FC# made no sense"}), 2);
  EXPECT_EQ(retry({{LossCause::signal}, {crashed_->substr(0, 10)}, ""}), 1);
  EXPECT_EQ(failed(), 0);
}

TEST_F(RetryAfterFailures, AllOfThemIfNothingIsSaid) {
  EXPECT_EQ(retry({}), 3);
  EXPECT_EQ(retry({}), 0);
}

TEST_F(RetryAfterFailures, ARunTriesAgainWhatItsUserMayHaveMended) {
  EXPECT_EQ(store_->forget_failures(id_, {causes_that_a_run_tries_again(), {}}), 2);
  const std::vector<bool> left = store_->failed_stages(sweep_.graph);
  for (std::size_t i = 0; i < left.size(); ++i)
    EXPECT_EQ(left[i], to_hex(sweep_.graph.stages[i].key) == *crashed_) << sweep_.graph.stages[i].label;
}

}  // namespace
}  // namespace espalier
