#include "orchestrator/sweeps/spool_replay.h"

#include <gtest/gtest.h>

#include "cluster/files/spool.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

TEST(TakeInSpool, AReportThatTheStoreDoesNotTakeCostsNoOther) {
  const TemporaryFolder folder;
  Store store(folder.path / "store");
  const StageGraph graph = make_noop_graph(2), other = make_noop_graph(3);
  store.record_sweep("noop", "", {}, graph);
  const auto reached = [](const Stage& stage) { return StageReached{finish(stage).outcome}; };
  const std::vector<RankReport> said{reached(graph.stages[0]), reached(other.stages[2]), reached(graph.stages[1])};
  write_spooled(store.paths().spool(), "pool", {"{\"host\": \"a\"}", {0, encode(said), 1}});
  write_spooled(store.paths().spool(), "pool", {"\xEF\xBB\xBF{}", {0, encode(said), 2}});
  replay_spool(store);
  EXPECT_EQ(store.done_stages(graph), (std::vector<bool>{true, true}));
  EXPECT_TRUE(read_spool(store.paths().spool()).empty());
}

}  // namespace
}  // namespace espalier
