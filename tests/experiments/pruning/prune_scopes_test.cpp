#include "experiments/pruning/prune_scopes.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

using Part = ScopeMember::Part;

std::vector<Op> conv_norm(const std::string& conv, const std::string& norm, std::int64_t in, std::int64_t out,
                          std::int64_t kernel, std::int64_t stride) {
  return {Conv2dOp{conv, in, out, kernel, stride, kernel / 2, false}, BatchNorm2dOp{norm, out}};
}

Op block(const std::string& name, std::int64_t in, std::int64_t out) {
  const std::int64_t stride = in == out ? 1 : 2;
  std::vector<Op> body = conv_norm(name + ".conv1", name + ".bn1", in, out, 3, stride);
  body.push_back(ReluOp{name + ".relu1"});
  for (Op& op : conv_norm(name + ".conv2", name + ".bn2", out, out, 3, 1)) body.push_back(op);
  std::vector<Op> shortcut;
  if (in != out) shortcut = conv_norm(name + ".shortcut.0", name + ".shortcut.1", in, out, 1, stride);
  return BlockOp{name, {ResidualOp{name, body, shortcut}, ReluOp{name + ".relu2"}}};
}

/// Three residual blocks of 8, 10 and 10 channels.
ModelDescription resnet() {
  ModelDescription model{"resnet", {3, 8, 8}, 10, conv_norm("conv1", "bn1", 3, 8, 3, 1)};
  model.ops.push_back(ReluOp{"relu1"});
  model.ops.push_back(block("block1", 8, 8));
  model.ops.push_back(block("block2", 8, 10));
  model.ops.push_back(block("block3", 10, 10));
  model.ops.push_back(GlobalAvgPoolOp{});
  model.ops.push_back(LinearOp{"fc", 10, 10});
  return model;
}

ModelDescription transformer() {
  const Op attention = ResidualOp{"blocks.0.attn", {LayerNormOp{"ln1", 8}, AttentionOp{"blocks.0.attn", 8, 4}}, {}};
  const Op mlp = ResidualOp{
      "blocks.0.mlp",
      {LayerNormOp{"ln2", 8}, LinearOp{"blocks.0.mlp.fc1", 8, 16}, GeluOp{}, LinearOp{"blocks.0.mlp.fc2", 16, 8}},
      {}};
  return {"transformer",
          {1, 6, 5},
          10,
          {RowsOp{}, LinearOp{"embed", 5, 8}, PositionOp{"pos", 6, 8}, BlockOp{"blocks.0", {attention, mlp}},
           LayerNormOp{"ln_f", 8}, MeanTokensOp{}, LinearOp{"head", 8, 10}}};
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
  const ModelDescription model{
      "cnn", {1, 6, 6}, 3, {Conv2dOp{"conv", 1, 4, 3}, MaxPool2dOp{}, FlattenOp{}, LinearOp{"fc", 16, 3}}};
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

}  // namespace
}  // namespace espalier
