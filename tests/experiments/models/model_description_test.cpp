#include "experiments/models/model_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/operators/graph_builder.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array<std::int64_t, 3> kMnistShape{1, 28, 28};

std::string description_error(const ModelSpec& spec) {
  try {
    describe_model(spec);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "no error";
}

TEST(ModelDescription, LeNet300100HasThePapersCounts) {
  // 784*300 + 300*100 + 100*10 = 235,200 + 30,000 + 1,000 weights, and 300 + 100 + 10 biases.
  const ModelDescription model = describe_model({"lenet-300-100", kMnistShape, 10});
  const ModelCounts counts = count_model(model);
  EXPECT_EQ(counts.prunable, 266'200);
  EXPECT_EQ(counts.parameters, 266'610);
  EXPECT_EQ(counts.madds, 266'200);
  const std::vector<PrunableLayer> layers = prunable_layers(model);
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(layers[0].name, "fc1");
  EXPECT_THAT(layers[0].shape, ElementsAre(300, 784));
  EXPECT_EQ(layers[2].name, "fc3");
  EXPECT_THAT(layers[2].shape, ElementsAre(10, 100));
  EXPECT_EQ(layers[1].weights, 30'000);
}

TEST(ModelDescription, LeNet5HasCaffesCounts) {
  // conv1: 20*1*5*5 =     500 weights + 20,  on 24x24 positions:   288,000 multiply-adds; pooled to 12x12
  // conv2: 50*20*5*5 = 25,000 weights + 50,  on 8x8 positions:   1,600,000;               pooled to 4x4
  // fc1:   50*4*4*500 = 400,000 + 500;                              400,000
  // fc2:   500*10 =     5,000 + 10;                                   5,000
  const ModelDescription model = describe_model({"lenet-5", kMnistShape, 10});
  const ModelCounts counts = count_model(model);
  EXPECT_EQ(counts.prunable, 430'500);
  EXPECT_EQ(counts.parameters, 431'080);
  EXPECT_EQ(counts.madds, 2'293'000);
  const std::vector<PrunableLayer> layers = prunable_layers(model);
  ASSERT_EQ(layers.size(), 4U);
  EXPECT_THAT(layers[1].shape, ElementsAre(50, 20, 5, 5));
  EXPECT_EQ(layers[1].madds, 1'600'000);
  EXPECT_EQ(layers[2].name, "fc1");
  EXPECT_THAT(layers[2].shape, ElementsAre(500, 800));
}

TEST(ModelDescription, TakesOtherShapesAndClasses) {
  EXPECT_EQ(count_model(describe_model({"lenet-300-100", {3, 32, 32}, 100})).prunable, 3072 * 300 + 30'000 + 100 * 100);
  // 32 -> 28 -> 14 -> 10 -> 5; columns 17 -> 13 -> 6 -> 2 -> 1.
  const std::vector<PrunableLayer> layers = prunable_layers(describe_model({"lenet-5", {3, 32, 17}, 7}));
  EXPECT_THAT(layers[0].shape, ElementsAre(20, 3, 5, 5));
  EXPECT_THAT(layers[2].shape, ElementsAre(500, 50 * 5 * 1));
  EXPECT_THAT(layers[3].shape, ElementsAre(7, 500));
}

TEST(ModelDescription, RefusesWhatItCannotTake) {
  EXPECT_THAT(description_error({"lenet-30-100", kMnistShape, 10}), HasSubstr("did you mean \"lenet-300-100\"?"));
  EXPECT_THAT(description_error({"lenet-5", {1, 28, 15}, 10}), HasSubstr("at least 16x16 pixels, found 28x15"));
  EXPECT_THAT(description_error({"lenet-300-100", {1, 0, 28}, 10}), HasSubstr("1x0x28"));
  EXPECT_THAT(description_error({"lenet-300-100", {1 << 20, 1 << 20, 1 << 20}, 10}), HasSubstr("at most"));
  EXPECT_THAT(description_error({"lenet-300-100", kMnistShape, -1}), HasSubstr("-1 classes"));
}

TEST(ModelDescription, NamesTheLayerThatDoesNotFit) {
  GraphBuilder graph;
  const ValueIndex x = graph.flatten(graph.input({1, 28, 28}));
  const ValueIndex weight = graph.parameter("fc1.weight", {10, 700}, ParameterRole::weight);
  try {
    graph.add("Linear", "fc1", {x, weight, kNoValue});
    FAIL() << "700 inputs for 784 pixels were taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_STREQ(error.what(), "model: fc1 takes 700 inputs, but gets 784");
  }
}

/// Of a network whose examples are [3, 6, 4].
std::vector<PrunableLayer> layers_built(ValueIndex (*build)(GraphBuilder& graph, ValueIndex x)) {
  return prunable_layers(built_model("net", {3, 6, 4}, 5, build));
}

TEST(PrunableLayers, WhatNoOtherLayerReadsGivesTheLogits) {
  const auto layers = layers_built([](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.linear("fc1", graph.flatten(x), 7));
    return graph.add("LogSoftmax", "", {graph.linear("fc2", x, 5)}, {{"dim", std::int64_t{-1}}});
  });
  EXPECT_FALSE(layers.at(0).is_output);
  EXPECT_TRUE(layers.at(1).is_output);
}

TEST(PrunableLayers, ABatchNormOverTokensIsNotThatOfTheirFeatures) {
  const auto layers = layers_built([](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("over_tokens", graph.linear("fc1", graph.rows(x), 6)));
    return graph.linear("fc2", graph.mean_tokens(x), 5);
  });
  EXPECT_EQ(layers.at(0).norm, "");
  EXPECT_EQ(layers.at(0).activation, "");
}

TEST(PrunableLayers, AreFollowedWhereTheirOutputsChangePlaces) {
  const auto layers = layers_built([](GraphBuilder& graph, ValueIndex x) {
    const Attributes turn{{"permutation", std::vector<std::int64_t>{0, 2, 1}}};
    x = graph.add("Transpose", "", {graph.linear("fc1", graph.rows(x), 7)}, turn);
    x = graph.add("Transpose", "", {graph.batch_norm("bn", x)}, turn);
    return graph.linear("fc2", graph.mean_tokens(graph.relu("relu", x)), 5);
  });
  EXPECT_EQ(layers.at(0).norm, "bn");
  EXPECT_EQ(layers.at(0).activation, "relu");
  EXPECT_EQ(layers.at(0).activation_dim, 2U);
}

TEST(PrunableLayers, AWeightThatTwoNodesReadIsOneLayer) {
  const auto layers = layers_built([](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex weight = graph.parameter("shared.weight", {4, 4}, ParameterRole::weight);
    x = graph.add("Relu", "", {graph.add("Linear", "shared", {x, weight, kNoValue})});
    x = graph.add("Linear", "again", {x, weight, kNoValue});
    return graph.linear("fc", graph.flatten(x), 5);
  });
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].name, "shared");
  EXPECT_EQ(layers[0].weights, 16);
  EXPECT_EQ(layers[0].madds, 2 * 18 * 16);
}

}  // namespace
}  // namespace espalier
