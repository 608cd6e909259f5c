#include "experiments/graph/stage_lookup.h"

#include <gtest/gtest.h>

#include "base/sha256.h"

namespace espalier {
namespace {

TEST(StageLookup, FindsEveryStageAndNoOther) {
  StageGraph graph;
  for (int i = 0; i < 1000; ++i) {
    Stage stage;
    stage.key.digest = sha256(std::to_string(i));
    graph.stages.push_back(stage);
  }
  const StageLookup lookup(graph);
  for (StageIndex stage = 0; stage < 1000; ++stage) EXPECT_EQ(lookup.find(graph.stages[stage].key), stage);
  for (int i = 1000; i < 2000; ++i) EXPECT_EQ(lookup.find({sha256(std::to_string(i))}), std::nullopt);
}

// Keys whose hashes (their first bytes) are equal.
TEST(StageLookup, TellsKeysApartThatBeginAlike) {
  StageGraph graph;
  for (std::uint8_t i = 0; i < 5; ++i) {
    Stage stage;
    stage.key.digest.back() = i;
    graph.stages.push_back(stage);
  }
  const StageLookup lookup(graph);
  for (StageIndex stage = 0; stage < 5; ++stage) EXPECT_EQ(lookup.find(graph.stages[stage].key), stage);
}

TEST(StageLookup, AnEmptyGraphHasNothing) {
  const StageGraph graph;
  EXPECT_EQ(StageLookup(graph).find({sha256("a")}), std::nullopt);
}

}  // namespace
}  // namespace espalier
