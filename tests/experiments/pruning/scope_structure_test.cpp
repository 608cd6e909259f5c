#include "experiments/pruning/scope_structure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/pruning/allocations/allocations.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;

std::vector<std::string> structures(const ModelDescription& model) {
  return structures_of(*model.graph, channel_scopes(*model.graph));
}

// a and b are read by a convolution, c by a depthwise one that goes with it, d by the linear layer.
TEST(ScopeStructure, IsOfOperatorsAndNotOfSizes) {
  const ModelDescription model = built_model("built", {1, 8, 8}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("", graph.batch_norm("a.bn", graph.conv2d("a", x, {3, 3, 1, 1})));
    x = graph.relu("", graph.batch_norm("b.bn", graph.conv2d("b", x, {7, 1})));
    x = graph.conv2d("c.depthwise", graph.conv2d("c", x, {6, 5, 1, 2}), {6, 3, 1, 1, true, 6});
    x = graph.conv2d("d", x, {4, 3, 2});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  const std::vector<std::string> made = structures(model);
  ASSERT_EQ(made.size(), 4U);
  EXPECT_EQ(made[0], "Conv4 outputs 0, BatchNorm norm 0, Conv4 inputs 1");
  EXPECT_EQ(made[1], made[0]);
  EXPECT_EQ(made[2], "Conv4 outputs 0, Conv4 depthwise outputs 0, Conv4 inputs 1");
  EXPECT_EQ(made[3], "Conv4 outputs 0, Linear2 inputs 1");
}

TEST(ScopeStructure, IsomorphicRanksWhatIsBuiltAlike) {
  std::vector<AllocationScope> scopes{
      {"a", 4, {}, "x"}, {"b", 4, {}, "y"}, {"c", 9, {}, "x"}, {"d", 4, {4, 2}, ""}, {"e", 4, {4, 2, 3, 3}, ""}};
  EXPECT_THAT(find_allocation("isomorphic").rankings(scopes), ElementsAre(0, 1, 0, 2, 3));
}

}  // namespace
}  // namespace espalier
