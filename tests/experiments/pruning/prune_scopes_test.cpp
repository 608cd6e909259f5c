#include "experiments/pruning/prune_scopes.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using Part = ScopeMember::Part;

ValueIndex conv_norm(GraphBuilder& graph, const std::string& conv, const std::string& norm, ValueIndex x,
                     std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return graph.batch_norm(norm, graph.conv2d(conv, x, {out, kernel, stride, kernel / 2, false}));
}

ValueIndex block(GraphBuilder& graph, const std::string& name, ValueIndex x, std::int64_t out) {
  graph.begin_block(name, x);
  const bool projects = graph.dims(x)[1].size != out;
  const std::int64_t stride = projects ? 2 : 1;
  ValueIndex body = conv_norm(graph, name + ".conv1", name + ".bn1", x, out, 3, stride);
  body = conv_norm(graph, name + ".conv2", name + ".bn2", graph.relu(name + ".relu1", body), out, 3, 1);
  if (projects) x = conv_norm(graph, name + ".shortcut.0", name + ".shortcut.1", x, out, 1, stride);
  return graph.end_block(graph.relu(name + ".relu2", graph.sum(body, x)));
}

/// Three residual blocks of 8, 10 and 10 channels.
ModelDescription resnet() {
  return built_model("resnet", {3, 8, 8}, 10, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", conv_norm(graph, "conv1", "bn1", x, 8, 3, 1));
    x = block(graph, "block1", x, 8);
    x = block(graph, "block2", x, 10);
    x = block(graph, "block3", x, 10);
    return graph.linear("fc", graph.global_average_pool(x), 10);
  });
}

ModelDescription transformer() {
  return built_model("transformer", {1, 6, 5}, 10, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.position("pos", graph.linear("embed", graph.rows(x), 8));
    graph.begin_block("blocks.0", x);
    x = graph.sum(graph.attention("blocks.0.attn", graph.layer_norm("ln1", x), 4), x);
    const ValueIndex mlp = graph.gelu(graph.linear("blocks.0.mlp.fc1", graph.layer_norm("ln2", x), 16));
    x = graph.end_block(graph.sum(graph.linear("blocks.0.mlp.fc2", mlp, 8), x));
    return graph.linear("head", graph.mean_tokens(graph.layer_norm("ln_f", x)), 10);
  });
}

std::vector<PruneScope> scopes(const ModelDescription& model, const char* granularity,
                               const char* criterion = "magnitude", const std::vector<std::string>& protect = {}) {
  return prune_scopes(model, parse_granularity(granularity), criterion, protect);
}

std::set<std::string> members(const PruneScope& scope) {
  std::set<std::string> names;
  for (const ScopeMember& member : scope.members) {
    const char* kind = member.part == Part::inputs ? " in" : member.part == Part::norm ? " norm" : " out";
    names.insert(member.layer + kind + (member.step == 1 ? "" : " " + std::to_string(member.step)));
  }
  return names;
}

std::string scope_refusal(const ModelDescription& model, const char* granularity, const char* criterion = "magnitude",
                          const std::vector<std::string>& protect = {}) {
  try {
    scopes(model, granularity, criterion, protect);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "accepted";
}

TEST(PruneScopes, SingleWeightsAreRankedByLayer) {
  const auto found = scopes(resnet(), "weight");
  ASSERT_EQ(found.size(), 9U);
  EXPECT_EQ(found[0].name, "conv1");
  EXPECT_EQ(found[0].units, 8 * 3 * 9);
  EXPECT_EQ(found[0].weights, 8 * 3 * 9);
  EXPECT_EQ(found[5].name, "block2.shortcut.0");
  EXPECT_EQ(found.back().rows, 10);
}

TEST(PruneScopes, BlocksCountThoseAtTheEdges) {
  const auto found = scopes(resnet(), "block 4x4");
  EXPECT_EQ(found[0].units, 2 * 7);  // 8 x 27: two and, with a narrow last one, seven
  EXPECT_EQ(found.back().units, 3 * 3);
}

TEST(PruneScopes, ChannelsThatAreAddedUpGoTogether) {
  const auto found = scopes(resnet(), "channel");
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].name, "conv1");
  EXPECT_EQ(found[0].units, 8);
  EXPECT_EQ(members(found[0]), (std::set<std::string>{"conv1 out", "bn1 norm", "block1.conv1 in", "block1.conv2 out",
                                                      "block1.bn2 norm", "block2.conv1 in", "block2.shortcut.0 in"}));
  EXPECT_EQ(found[0].weights, 8 * 3 * 9 + 8 * 8 * 9);
  EXPECT_EQ(members(found[1]), (std::set<std::string>{"block1.conv1 out", "block1.bn1 norm", "block1.conv2 in"}));
  EXPECT_EQ(found[3].name, "block2.conv2");
  EXPECT_EQ(members(found[3]), (std::set<std::string>{"block2.conv2 out", "block2.bn2 norm", "block2.shortcut.0 out",
                                                      "block2.shortcut.1 norm", "block3.conv1 in", "block3.conv2 out",
                                                      "block3.bn2 norm", "fc in"}));
}

TEST(PruneScopes, AFlattenedChannelIsReadByManyInputs) {
  const ModelDescription model = built_model("cnn", {1, 6, 6}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.max_pool2d(graph.conv2d("conv", x, {4, 3}));
    return graph.linear("fc", graph.flatten(x), 3);
  });
  const auto found = scopes(model, "channel");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(members(found[0]), (std::set<std::string>{"conv out", "fc in 4"}));
}

TEST(PruneScopes, AStreamThatALayerNormReadsIsNotThinned) {
  const auto found = scopes(transformer(), "channel");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(members(found[0]), (std::set<std::string>{"blocks.0.mlp.fc1 out", "blocks.0.mlp.fc2 in"}));
}

TEST(PruneScopes, HeadsAreRowsOfThreeAndColumnsOfOne) {
  const auto found = scopes(transformer(), "head");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].units, 4);
  EXPECT_EQ(found[0].weights, 4 * 64);
  EXPECT_EQ(members(found[0]), (std::set<std::string>{"blocks.0.attn.q out 2", "blocks.0.attn.k out 2",
                                                      "blocks.0.attn.v out 2", "blocks.0.attn.o in 2"}));
}

TEST(PruneScopes, OnlyBlocksThatLeaveAnIdentityAreLayers) {
  const auto found = scopes(resnet(), "layer");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].blocks, (std::vector<std::string>{"block1", "block3"}));  // block2 changes the channels
  EXPECT_EQ(found[0].weights, 2 * 8 * 8 * 9 + 2 * 10 * 10 * 9);
  EXPECT_EQ(scopes(transformer(), "layer")[0].blocks, (std::vector<std::string>{"blocks.0"}));
}

TEST(PruneScopes, RowsAndFiltersAndTheOutput) {
  EXPECT_EQ(scopes(resnet(), "filter").size(), 8U);
  EXPECT_NE(scope_refusal(resnet(), "row").find("no linear layer besides the output"), std::string::npos);
  EXPECT_EQ(scopes(transformer(), "row").size(), 7U);  // all but the head
}

TEST(PruneScopes, ProtectedLayersHaveNone) {
  EXPECT_EQ(scopes(resnet(), "weight", "magnitude", {"conv1", "fc"}).size(), 7U);
  // A channel of a coupled set goes everywhere or nowhere.
  EXPECT_EQ(scopes(resnet(), "channel", "magnitude", {"block1.conv2"}).size(), 4U);
  EXPECT_NE(scope_refusal(transformer(), "head", "magnitude", {"blocks.0.attn.q"}).find("protected"),
            std::string::npos);
}

TEST(PruneScopes, NOfMNamesTheLayerThatItDoesNotDivide) {
  const std::string message = scope_refusal(resnet(), "2:4");
  EXPECT_NE(message.find("layer conv1 has 3"), std::string::npos) << message;
  EXPECT_EQ(
      scopes(resnet(), "2:4", "magnitude", {"conv1", "block2.conv2", "block3.conv1", "block3.conv2", "fc"}).size(), 4U);
}

TEST(PruneScopes, RefusalsNameBoth) {
  EXPECT_NE(scope_refusal(resnet(), "head").find("no attention"), std::string::npos);
  EXPECT_NE(scope_refusal(transformer(), "filter").find("no convolution"), std::string::npos);
}

/// Four channels to six, by a transposed convolution.
ModelDescription upsampling(std::int64_t groups) {
  return built_model("up", {4, 4, 4}, 3, [&](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex weight = graph.parameter("up.weight", {4, 6 / groups, 2, 2}, ParameterRole::weight);
    x = graph.add("ConvTranspose", "up", {x, weight, kNoValue},
                  {{"strides", std::vector<std::int64_t>{2, 2}},
                   {"padding", std::vector<std::int64_t>{0, 0}},
                   {"dilations", std::vector<std::int64_t>{1, 1}},
                   {"output_padding", std::vector<std::int64_t>{0, 0}},
                   {"groups", groups}});
    x = graph.relu("relu", graph.conv2d("conv", x, {5, 1}));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

TEST(PruneScopes, AFilterOfATransposedConvolutionIsOneOfItsOutputs) {
  const std::vector<PruneScope> found = scopes(upsampling(1), "filter");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].units, 6);
  EXPECT_EQ(found[0].members[0].dimension, 1);
  EXPECT_EQ(found[1].members[0].dimension, 0);
  // In groups it is no slice of the weight.
  ASSERT_EQ(scopes(upsampling(2), "filter").size(), 1U);
}

TEST(PruneScopes, FiltersThatGiveTheLogitsStay) {
  const ModelDescription model = built_model("net", {3, 4, 4}, 5, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.conv2d("conv", x, {4, 3, 1, 1}));
    return graph.global_average_pool(graph.relu("last_relu", graph.conv2d("classes", x, {5, 1})));
  });
  const std::vector<PruneScope> found = scopes(model, "filter");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "conv");
}

TEST(PruneScopes, WhatUnfoldsInputsRefusesTransposedConvolutions) {
  for (const char* criterion : {"wanda", "sparsegpt"}) {
    const std::string message = scope_refusal(upsampling(1), "weight", criterion);
    EXPECT_NE(message.find("which it cannot do for up, a transposed one"), std::string::npos) << message;
  }
  EXPECT_EQ(scopes(upsampling(1), "weight", "obd_fisher").size(), 3U);
}

TEST(PruneScopes, OfANetworkOfAFileWithoutBatchNormsItIsSaidWhereTheyAre) {
  ModelDescription model = upsampling(1);
  model.file = ModelFile{};
  const std::string message = scope_refusal(model, "channel", "bn_scale");
  EXPECT_NE(message.find("no batch normalization, which exporters fold into the layers before it"), std::string::npos)
      << message;
}

}  // namespace
}  // namespace espalier
