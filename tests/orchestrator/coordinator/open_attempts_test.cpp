// A coordinator was killed while jobs were out; what the next one finds in the store.
#include "orchestrator/coordinator/open_attempts.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/scheduler/core.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

using testing::ElementsAre;

class OpenAttempts : public testing::Test {
 protected:
  void SetUp() override {
    store_.emplace(folder_.path / "store");
    id_ = store_->record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    const EnvironmentId environment = store_->record_environment("{}");
    const auto start = [&](std::uint64_t number, std::vector<std::size_t> stages) {
      AttemptStarted started{number, "local-1", 0, environment, {}, 5};
      for (const std::size_t stage : stages) started.stages.push_back(sample_.graph.stages[stage].key);
      store_->apply({started});
    };
    start(7, {prune, retrain});
    start(8, {evaluate});
  }

  std::vector<std::uint64_t> take_up() {
    Core core({store_->generation(), false});
    core.add_sweep({id_, sample_.name, sample_.graph, store_->done_stages(sample_.graph)}, 10);
    std::vector<std::uint64_t> ours;
    for (const OpenAttempt& attempt : take_up_attempts(*store_, core)) ours.push_back(attempt.attempt);
    return ours;
  }
  std::string asked(const std::string& number) {
    return ask(store_->paths(), "SELECT how FROM attempts WHERE number = " + number);
  }

  TemporaryFolder folder_;
  SampleSweep sample_ = make_sample_sweep(1);
  std::optional<Store> store_;
  SweepId id_ = 0;
};

TEST_F(OpenAttempts, OfTheSweepAreTakenUp) {
  store_->apply({finish(sample_.graph.stages[prune], 7)});
  EXPECT_THAT(take_up(), ElementsAre(7, 8));
  EXPECT_EQ(asked("7"), "NULL");
}

// The coordinator died between the last result and the word that its job has ended.
TEST_F(OpenAttempts, OfASweepThatHasItsResultsAreEnded) {
  store_->apply(finish_all(sample_.graph, 7));
  EXPECT_THAT(take_up(), ElementsAre());
  EXPECT_EQ(asked("7"), "finished");
  EXPECT_EQ(asked("8"), "finished");
}

TEST_F(OpenAttempts, OfOtherSweepsAreLost) {
  sample_ = make_sample_sweep(2);
  sample_.graph = make_noop_graph(3);
  sample_.trials.clear();
  id_ = store_->record_sweep("other", "sweep: other\n", sample_.trials, sample_.graph);
  EXPECT_THAT(take_up(), ElementsAre());
  EXPECT_EQ(asked("7"), "lost");
}

}  // namespace
}  // namespace espalier
