#include "experiments/pruning/shrink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/models/model_description.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;

const KeptTensor& left_of(const ShrunkGraph& shrunk, const std::string& name) {
  for (const KeptTensor& tensor : shrunk.tensors)
    if (tensor.name == name) return tensor;
  throw std::out_of_range(name);
}

ShrunkGraph without(const ModelDescription& model,
                    const std::vector<std::pair<std::string, std::int64_t>>& outputs_of_weights) {
  const CoupledGraph coupled = couple(*model.graph);
  Removal removal(*model.graph, coupled);
  for (const auto& [weight, index] : outputs_of_weights) removal.remove(weight, 0, index);
  return shrink(removal);
}

std::string refusal(const ModelDescription& model, const std::string& weight, std::int64_t index) {
  try {
    without(model, {{weight, index}});
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
}

TEST(Shrink, ColumnsThatReadAFlattenedChannelLeaveWithIt) {
  const ModelDescription model = built_model("flat", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.batch_norm("bn", graph.conv2d("conv", x, {3, 3}));
    return graph.linear("fc", graph.flatten(x), 2);
  });
  const ShrunkGraph shrunk = without(model, {{"conv.weight", 1}});
  EXPECT_THAT(left_of(shrunk, "conv.weight").kept[0], ElementsAre(0, 2));
  EXPECT_THAT(left_of(shrunk, "bn.running_var").kept[0], ElementsAre(0, 2));
  EXPECT_THAT(left_of(shrunk, "fc.weight").kept[1], ElementsAre(0, 1, 2, 3, 8, 9, 10, 11));
  EXPECT_EQ(to_string(shrunk.graph.value(shrunk.graph.nodes()[2].output).dims), "[N, 8]");
}

TEST(Shrink, TheStreamOfAResidualNetworkLeavesEverywhere) {
  const ModelDescription model = describe_model({"resnet-20", {3, 32, 32}, 10});
  const ShrunkGraph shrunk = without(model, {{"conv1.weight", 3}, {"block4.conv1.weight", 0}});
  for (const char* weight : {"conv1.weight", "block1.conv2.weight", "block2.conv2.weight", "block3.conv2.weight"})
    EXPECT_EQ(left_of(shrunk, weight).kept[0].size(), 15U) << weight;
  for (const char* weight : {"block1.conv1.weight", "block4.conv1.weight", "block4.shortcut.0.weight"})
    EXPECT_EQ(left_of(shrunk, weight).kept[1].size(), 15U) << weight;
  EXPECT_EQ(left_of(shrunk, "block4.conv2.weight").kept[1].size(), 31U);
  EXPECT_EQ(left_of(shrunk, "block4.conv2.weight").kept[0].size(), 32U);
  EXPECT_EQ(shrunk.graph.blocks().size(), model.graph->blocks().size());
}

TEST(Shrink, ADepthwiseConvolutionHasAGroupLessForEachChannel) {
  const ModelDescription model = built_model("depthwise", {3, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("narrow", x, {4, 1});
    x = graph.conv2d("dw", x, {8, 3, 1, 1, true, 4});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  const ShrunkGraph shrunk = without(model, {{"dw.weight", 5}});
  EXPECT_THAT(left_of(shrunk, "narrow.weight").kept[0], ElementsAre(0, 1, 3));
  EXPECT_THAT(left_of(shrunk, "dw.weight").kept[0], ElementsAre(0, 1, 2, 3, 6, 7));
  EXPECT_EQ(shrunk.graph.nodes()[1].integer("groups"), 3);
}

TEST(Shrink, GroupsMayLoseOtherInputsButAsManyEach) {
  const ModelDescription model = built_model("grouped", {3, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("wide", x, {6, 1});
    x = graph.conv2d("grouped", x, {4, 3, 1, 1, true, 2});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  const ShrunkGraph shrunk = without(model, {{"wide.weight", 0}, {"wide.weight", 5}});
  EXPECT_THAT(left_of(shrunk, "grouped.weight").inputs_by_group, ElementsAre(ElementsAre(1, 2), ElementsAre(0, 1)));
  EXPECT_THAT(refusal(model, "wide.weight", 0), testing::HasSubstr("unequal numbers of inputs"));
  EXPECT_THAT(refusal(model, "grouped.weight", 0), testing::HasSubstr("unequal numbers of channels"));
}

TEST(Shrink, HeadsLeaveWithTheirRowsAndColumns) {
  const ModelDescription model = describe_model({"transformer-1x8x4", {1, 4, 4}, 2});
  const ShrunkGraph shrunk = without(model, {{"blocks.0.attn.k.weight", 2}});
  for (const char* part : {"q", "k", "v"})
    EXPECT_THAT(left_of(shrunk, std::string("blocks.0.attn.") + part + ".weight").kept[0],
                ElementsAre(0, 1, 4, 5, 6, 7));
  EXPECT_THAT(left_of(shrunk, "blocks.0.attn.o.weight").kept[1], ElementsAre(0, 1, 4, 5, 6, 7));
  for (const Node& node : shrunk.graph.nodes()) {
    if (node.op->has(OperatorTrait::attention)) {
      EXPECT_EQ(node.integer("heads"), 3);
    }
  }
}

TEST(Shrink, WhatCannotLeaveIsRefusedWithTheOperatorThatNeedsIt) {
  const ModelDescription model = describe_model({"transformer-1x8x4", {1, 4, 4}, 2});
  EXPECT_THAT(refusal(model, "embed.weight", 0), testing::HasSubstr("because of blocks.0.ln1"));
  EXPECT_THAT(refusal(model, "head.weight", 0), testing::HasSubstr("because of head"));
}

}  // namespace
}  // namespace espalier
