#include "experiments/pruning/removable_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/models/model_description.h"
#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/tidied.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names_of(const OperatorGraph& graph) {
  std::vector<std::string> names;
  for (const RemovableBlock& block : removable_blocks(graph)) names.push_back(block.name);
  return names;
}

/// Layers of the blocks, by block.
std::vector<std::vector<std::string>> layers_of(const OperatorGraph& graph) {
  std::vector<std::vector<std::string>> layers;
  for (const RemovableBlock& block : removable_blocks(graph)) {
    layers.emplace_back();
    for (const std::size_t place : block.nodes)
      if (graph.nodes()[place].op->has(OperatorTrait::layer)) layers.back().push_back(graph.nodes()[place].name);
  }
  return layers;
}

class CatalogBlocks : public testing::TestWithParam<const char*> {};
TEST_P(CatalogBlocks, AreFoundWhereNoneIsMarked) {
  const ModelDescription model = describe_model({GetParam(), {3, 32, 32}, 10});
  const OperatorGraph plain = tidied(*model.graph);
  ASSERT_TRUE(plain.blocks().empty());
  EXPECT_EQ(layers_of(plain), layers_of(*model.graph));
  EXPECT_EQ(names_of(plain), names_of(*model.graph));
}
INSTANTIATE_TEST_SUITE_P(Models, CatalogBlocks,
                         testing::Values("lenet-5", "vgg-16-bn", "resnet-20", "resnet-56", "transformer-3x16x4"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

class Blocks : public testing::Test {
 protected:
  ValueIndex conv(const std::string& name, ValueIndex x, std::int64_t groups = 1) {
    return graph_.conv2d(name, x, {4, 3, 1, 1, true, groups});
  }
  OperatorGraph finished(ValueIndex x) { return graph_.finish(graph_.linear("fc", graph_.global_average_pool(x), 3)); }

  GraphBuilder graph_;
  const ValueIndex x_ = conv("stem", graph_.input({3, 6, 6}));
};

TEST_F(Blocks, ANormedBranchWithAGateAndNoReluAfterIt) {
  ValueIndex body = graph_.add("HardSwish", "", {graph_.batch_norm("b.bn1", conv("b.dw", x_, 4))});
  ValueIndex gate =
      graph_.add("ReduceMean", "", {body}, {{"dims", std::vector<std::int64_t>{2, 3}}, {"keep_dims", std::int64_t{1}}});
  gate = graph_.add("Sigmoid", "", {graph_.conv2d("b.gate", gate, {4, 1})});
  body = graph_.batch_norm("b.bn2", conv("b.project", graph_.add("Mul", "", {body, gate})));
  body = graph_.add("Dropout", "", {body}, {{"probability", 0.1}});
  const OperatorGraph graph = finished(graph_.sum(x_, body));
  EXPECT_THAT(names_of(graph), ElementsAre("b"));
  EXPECT_THAT(layers_of(graph), ElementsAre(ElementsAre("b.dw", "b.gate", "b.project")));
}

TEST_F(Blocks, WithoutABlockItsReadersReadItsInput) {
  const ValueIndex one = graph_.sum(conv("a.2", graph_.relu("a.relu", conv("a.1", x_))), x_);
  const ValueIndex two = graph_.sum(conv("b.2", graph_.relu("b.relu", conv("b.1", one))), one);
  const OperatorGraph graph = finished(two);
  const std::vector<RemovableBlock> blocks = removable_blocks(graph);
  ASSERT_EQ(blocks.size(), 2U);
  const OperatorGraph without = without_blocks(graph, {blocks[0]});
  EXPECT_EQ(without.text().find("a.1"), std::string::npos);
  EXPECT_NE(without.text().find("b.1 = Conv(stem, "), std::string::npos) << without.text();
}

TEST_F(Blocks, ABranchThatSomethingElseReadsStays) {
  const ValueIndex branch = conv("b", x_);
  const ValueIndex sum = graph_.sum(branch, x_);
  EXPECT_THAT(names_of(finished(graph_.add("Mul", "", {sum, branch}))), IsEmpty());
}

TEST_F(Blocks, ABranchThatIsNotZeroWithoutItsWeightsStays) {
  EXPECT_THAT(names_of(finished(graph_.sum(graph_.add("Sigmoid", "", {conv("b", x_)}), x_))), IsEmpty());
}

TEST_F(Blocks, AProjectedBranchStays) {
  EXPECT_THAT(names_of(finished(graph_.sum(conv("b", x_), conv("down", x_)))), IsEmpty());
}

TEST_F(Blocks, ABranchOfSomethingElseTooStays) {
  const ValueIndex y = conv("y", x_);
  const ValueIndex both = graph_.add("Mul", "", {y, x_});
  EXPECT_THAT(names_of(finished(graph_.sum(conv("b", both), y))), IsEmpty());
}

TEST_F(Blocks, AWeightThatOthersShareStays) {
  const ValueIndex weight = graph_.parameter("shared.weight", {4, 4, 1, 1}, ParameterRole::weight);
  const Attributes shape{{"strides", std::vector<std::int64_t>{1, 1}},
                         {"padding", std::vector<std::int64_t>{0, 0}},
                         {"dilations", std::vector<std::int64_t>{1, 1}},
                         {"groups", std::int64_t{1}}};
  const ValueIndex before = graph_.add("Conv", "shared", {x_, weight, kNoValue}, shape);
  const ValueIndex branch = graph_.add("Conv", "again", {before, weight, kNoValue}, shape);
  EXPECT_THAT(names_of(finished(graph_.sum(branch, before))), IsEmpty());
}

TEST_F(Blocks, ABatchNormWithoutScaleStays) {
  const ValueIndex mean = graph_.buffer("n.running_mean", {4}, 0), variance = graph_.buffer("n.running_var", {4}, 1);
  const ValueIndex norm = graph_.add("BatchNorm", "n", {conv("b", x_), kNoValue, kNoValue, mean, variance},
                                     {{"epsilon", 1e-5}, {"momentum", 0.1}});
  EXPECT_THAT(names_of(finished(graph_.sum(norm, x_))), IsEmpty());
}

/// What a transformer's layer gives is normed after its sums, so that it is no identity without its weights; but its
/// branches are.
TEST_F(Blocks, OfALayerThatNormsItsSumsTheBranchesLeave) {
  GraphBuilder graph;
  ValueIndex x = graph.linear("embed", graph.input({5, 4}), 8);
  x = graph.layer_norm("l.norm1", graph.sum(x, graph.attention("l.attn", x, 2)));
  x = graph.layer_norm("l.norm2", graph.sum(x, graph.linear("l.fc2", graph.gelu(graph.linear("l.fc1", x, 6)), 8)));
  const OperatorGraph built = graph.finish(graph.linear("head", graph.mean_tokens(x), 3));
  EXPECT_THAT(names_of(built), ElementsAre("l.attn", "l"));
}

}  // namespace
}  // namespace espalier
