#include "experiments/graph/merge_graphs.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

Stage stage(const std::string& name, std::vector<StageInput> inputs = {}) {
  Stage made;
  made.key.digest = sha256(name);
  made.label = name;
  made.inputs = std::move(inputs);
  return made;
}

TEST(MergeGraphs, EqualStagesAreOneAndTheRestIsTranslated) {
  StageGraph first, second;
  first.stages = {stage("init"), stage("train", {{InputRole::weights, 0}})};
  first.trials = {{1, {}, {}, {}}};
  second.stages = {stage("other"), stage("init"), stage("cut", {{InputRole::weights, 1}}),
                   stage("tune", {{InputRole::weights, 1}, {InputRole::masks, 0}})};
  second.stages[1].keep_resume_state = true;
  second.stages[3].resume_from = 2;
  second.trials = {{3, 0, 2, std::nullopt}};

  StageGraph merged;
  std::unordered_map<StageKey, StageIndex> index;
  EXPECT_EQ(merge_graphs(merged, index, first), (std::vector<StageIndex>{0, 1}));
  EXPECT_EQ(merge_graphs(merged, index, second), (std::vector<StageIndex>{2, 0, 3, 4}));
  ASSERT_EQ(merged.stages.size(), 5U);
  EXPECT_TRUE(merged.stages[0].keep_resume_state);  // either wants it
  EXPECT_EQ(merged.stages[4].inputs[0].stage, 0U);
  EXPECT_EQ(merged.stages[4].inputs[1].stage, 2U);
  EXPECT_EQ(merged.stages[4].resume_from, 3U);
  ASSERT_EQ(merged.trials.size(), 2U);
  EXPECT_EQ(merged.trials[1].evaluate, 4U);
  EXPECT_EQ(merged.trials[1].masks, 2U);
  EXPECT_EQ(merged.trials[1].last_train, 3U);
  for (StageIndex at = 0; at < merged.stages.size(); ++at) {
    EXPECT_EQ(index.at(merged.stages[at].key), at);
    for (const StageInput& input : merged.stages[at].inputs) EXPECT_LT(input.stage, at);
  }
}

}  // namespace
}  // namespace espalier
