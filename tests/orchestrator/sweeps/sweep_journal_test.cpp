#include "orchestrator/sweeps/sweep_journal.h"

#include <gtest/gtest.h>

#include "base/host_name.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

std::shared_ptr<const std::string> spec_of(const std::string& model) {
  return std::make_shared<const std::string>(R"({"model":{"name":")" + model + "\"}}");
}

/// The sample's early training is of mlp-3, its retraining of lenet-5.
LoadedSweep sweep_of_two_models() {
  SampleSweep sample = make_sample_sweep(1);
  sample.graph.stages[early].spec = spec_of("mlp-3");
  sample.graph.stages[retrain].spec = spec_of("lenet-5");
  LoadedSweep sweep;
  sweep.name = sample.name;
  sweep.yaml = sample.yaml;
  sweep.trials = sample.trials;
  sweep.graph = sample.graph;
  return sweep;
}

TEST(SweepJournal, AddsUpTheWorkOfModelsByWhatEachTookBefore) {
  const TemporaryFolder folder;
  Store store(folder.path / "store");
  SweepJournal book(store);
  const LoadedSweep sweep = sweep_of_two_models();
  const StageGraph& graph = sweep.graph;
  EXPECT_DOUBLE_EQ(book.begin(sweep).graph.stages[retrain].cost, graph.stages[retrain].cost);
  const auto take = [&](SampleStage stage, double seconds) {
    StageFinished finished = finish(graph.stages[stage]);
    finished.outcome.wall_s = seconds;
    finished.environment = store.record_environment(R"({"host":")" + host_name() + "\"}");
    store.apply({finished});
  };
  take(early, 2);     // for 5e8 multiply-adds
  take(retrain, 28);  // for 7e8: ten times as long each
  const StageGraph again = book.begin(sweep).graph;
  const double of_mlp = again.stages[early].cost / graph.stages[early].cost;
  const double of_lenet = again.stages[retrain].cost / graph.stages[retrain].cost;
  EXPECT_DOUBLE_EQ(of_lenet / of_mlp, 10);
  EXPECT_EQ(ask(store.paths(), "SELECT cost FROM stages WHERE label LIKE 'retrain magnitude%'"), "700000000.0");
  take(random_retrain, 0.7);  // another median over all models, and none of these
  EXPECT_DOUBLE_EQ(book.begin(sweep).graph.stages[early].cost, again.stages[early].cost);
}

}  // namespace
}  // namespace espalier
