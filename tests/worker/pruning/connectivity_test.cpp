#include "worker/pruning/connectivity.h"

#include <algorithm>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Masks = std::map<std::string, std::vector<std::uint8_t>>;

MaskViews views(const Masks& masks) {
  MaskViews result;
  for (const auto& [name, mask] : masks) result[name] = mask;
  return result;
}

Paths paths_of(const ModelDescription& model, const Masks& masks) {
  return find_paths(model, views(masks));
}

std::vector<std::int64_t> effective(const Paths& paths) {
  std::vector<std::int64_t> counts;
  for (const LayerPaths& layer : paths.layers) counts.push_back(layer.effective);
  return counts;
}
std::vector<std::int64_t> dead(const Paths& paths) {
  std::vector<std::int64_t> counts;
  for (const LayerPaths& layer : paths.layers) counts.push_back(layer.dead_units);
  return counts;
}

/// Two inputs, three hidden units, two outputs.
ModelDescription small_mlp() {
  return built_model("small", {2, 1, 1}, 2, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc2", graph.relu("relu1", graph.linear("fc1", graph.flatten(x), 3)), 2);
  });
}

TEST(Connectivity, ADenseNetworkHasNoDeadUnitAndEveryWeightCounts) {
  const Paths paths = paths_of(small_mlp(), {});
  EXPECT_EQ(paths.connectivity, (Connectivity{true, 0, 12}));
  EXPECT_THAT(effective(paths), ElementsAre(6, 6));
}

TEST(Connectivity, WeightsThatLeadNowhereOrComeFromNowhereDoNotCount) {
  // Unit 0: in and out. Unit 1: fed, read by nobody. Unit 2: read by output 1, fed by nobody.
  const Paths paths =
      paths_of(small_mlp(), {{"fc1.weight", {1, 0, /**/ 1, 1, /**/ 0, 0}}, {"fc2.weight", {1, 0, 0, /**/ 0, 0, 1}}});
  EXPECT_TRUE(paths.connectivity.connected);
  EXPECT_THAT(effective(paths), ElementsAre(1, 1));  // of 3 and 2 kept
  EXPECT_THAT(dead(paths), ElementsAre(2, 1));       // units 1 and 2; output 1
  EXPECT_EQ(paths.connectivity.effective_kept, 2);
  EXPECT_EQ(paths.connectivity.dead_units, 3);
}

TEST(Connectivity, KeptWeightsThatNeverMeetAreACollapse) {
  // fc1 feeds unit 0 alone, fc2 reads unit 2 alone: weights in every layer, and no path.
  const Paths paths = paths_of(small_mlp(), {{"fc1.weight", {1, 1, 0, 0, 0, 0}}, {"fc2.weight", {0, 0, 1, 0, 0, 1}}});
  EXPECT_EQ(paths.connectivity, (Connectivity{false, 5, 0}));
}

/// One channel of 4x4, two of 4x4, pooled to 2x2, flattened to 8 features, two classes.
ModelDescription small_cnn(bool with_norm = false) {
  return built_model("cnn", {1, 4, 4}, 2, [&](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv1", x, {2, 3, 1, 1});
    if (with_norm) x = graph.batch_norm("bn1", x);
    return graph.linear("fc", graph.flatten(graph.max_pool2d(graph.relu("relu1", x))), 2);
  });
}

TEST(Connectivity, AChannelBecomesItsPixelsWhenFlattened) {
  std::vector<std::uint8_t> conv(18, 0), fc(16, 0);
  conv[9 + 4] = 1;                // one element of channel 1's kernel
  fc[3] = fc[4] = fc[8 + 7] = 1;  // output 0: pixel 3 of channel 0, pixel 0 of channel 1; output 1: its pixel 3
  const Paths paths = paths_of(small_cnn(), {{"conv1.weight", conv}, {"fc.weight", fc}});
  EXPECT_THAT(effective(paths), ElementsAre(1, 2));
  EXPECT_THAT(dead(paths), ElementsAre(1, 0));
}

TEST(Connectivity, ARemovedNormScaleCutsItsChannel) {
  const Paths paths = paths_of(small_cnn(true), {{"bn1.weight", {0, 1}}});
  EXPECT_THAT(effective(paths), ElementsAre(9, 8));
  EXPECT_THAT(dead(paths), ElementsAre(1, 0));
}

/// A residual of two 3x3 convolutions over 2 channels, with or without a 1x1 shortcut, between a stem and a classifier.
ModelDescription small_resnet(bool projected) {
  return built_model("resnet", {1, 4, 4}, 2, [&](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("stem", x, {2, 3, 1, 1});
    ValueIndex body = graph.relu("relu1", graph.conv2d("a", x, {2, 3, 1, 1}));
    body = graph.conv2d("b", body, {2, 3, 1, 1});
    if (projected) x = graph.conv2d("down", x, {2, 1});
    return graph.linear("fc", graph.global_average_pool(graph.sum(body, x)), 2);
  });
}

TEST(Connectivity, AnIdentityShortcutKeepsTheNetworkConnectedWhereItsBodyIsGone) {
  const Paths paths = paths_of(small_resnet(false), {{"b.weight", std::vector<std::uint8_t>(36, 0)}});
  EXPECT_TRUE(paths.connectivity.connected);
  EXPECT_THAT(effective(paths), ElementsAre(18, 0, 0, 4));  // a leads to nothing
  EXPECT_THAT(dead(paths), ElementsAre(0, 2, 2, 0));
}

TEST(Connectivity, AProjectedShortcutThatIsEmptyTooCollapsesTheNetwork) {
  const Masks body_gone{{"a.weight", std::vector<std::uint8_t>(36, 0)}};
  EXPECT_TRUE(paths_of(small_resnet(true), body_gone).connectivity.connected);
  Masks both_gone = body_gone;
  both_gone["down.weight"] = std::vector<std::uint8_t>(4, 0);
  EXPECT_EQ(paths_of(small_resnet(true), both_gone).connectivity, (Connectivity{false, 2 + 2 + 2 + 2 + 2, 0}));
}

/// Tokens of width 4, one attention of two heads without a residual around it.
ModelDescription small_attention() {
  return built_token_model("attention", 3, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.layer_norm("norm", graph.position("place", graph.embedding("embed", x, 5, 4)));
    return graph.linear("fc", graph.mean_tokens(graph.attention("attn", x, 2)), 2);
  });
}

TEST(Connectivity, QueriesAndKeysOfAHeadCountOnlyBesideItsValues) {
  // Head 1 loses its columns of o: its values go nowhere, so its rows of q and k do nothing either.
  std::vector<std::uint8_t> o(16, 1);
  for (std::size_t row = 0; row < 4; ++row) o[row * 4 + 2] = o[row * 4 + 3] = 0;
  const Paths paths = paths_of(small_attention(), {{"attn.o.weight", o}});
  EXPECT_THAT(effective(paths), ElementsAre(8, 8, 8, 8, 8));  // q, k, v, o, fc
  EXPECT_THAT(dead(paths), ElementsAre(2, 2, 2, 0, 0));
}

TEST(Connectivity, AQueryWithoutItsKeyAddsAConstantToTheMatch) {
  std::vector<std::uint8_t> gone_row(16, 1);
  std::fill_n(gone_row.begin(), 4, std::uint8_t{0});
  const Paths without_key = paths_of(small_attention(), {{"attn.k.weight", gone_row}});
  EXPECT_THAT(effective(without_key), ElementsAre(12, 12, 16, 16, 8));
  // A key row without its query still meets the query's bias, unless that is removed too.
  const Paths without_query = paths_of(small_attention(), {{"attn.q.weight", gone_row}});
  EXPECT_THAT(effective(without_query), ElementsAre(12, 16, 16, 16, 8));
  const Paths without_bias = paths_of(small_attention(), {{"attn.q.weight", gone_row}, {"attn.q.bias", {0, 1, 1, 1}}});
  EXPECT_THAT(effective(without_bias), ElementsAre(12, 12, 16, 16, 8));
}

TEST(Connectivity, RowsOfAnImageBecomeTokens) {
  // 1x2x3: two tokens of width 3. Only column 1 of the image is looked at, and token features flatten token by token.
  const ModelDescription model = built_model("rows", {1, 2, 3}, 2, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.flatten(graph.linear("in", graph.rows(x), 2)), 2);
  });
  // in: feature 1 sees column 1. fc reads place 1 (token 0, feature 1) and place 2 (token 1, feature 0).
  const Paths paths =
      paths_of(model, {{"in.weight", {0, 0, 0, 0, 1, 0}}, {"fc.weight", {0, 1, 0, 0, /**/ 0, 0, 1, 0}}});
  EXPECT_THAT(effective(paths), ElementsAre(1, 1));
  EXPECT_THAT(dead(paths), ElementsAre(1, 1));
}

/// Two layers of three units around a layer norm.
ModelDescription small_norm() {
  return built_model("norm", {3, 1, 1}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.layer_norm("norm", graph.linear("in", graph.flatten(x), 3));
    return graph.linear("out", graph.relu("relu1", x), 2);
  });
}

TEST(Connectivity, ThroughALayerNormEveryChannelReachesEveryOther) {
  // in feeds unit 0 alone, out reads unit 2 alone: unit 0 moves the mean that unit 2 is measured by.
  const Masks crossed{{"in.weight", {1, 1, 1, 0, 0, 0, 0, 0, 0}}, {"out.weight", {0, 0, 1, 0, 0, 0}}};
  const Paths paths = paths_of(small_norm(), crossed);
  EXPECT_TRUE(paths.connectivity.connected);
  EXPECT_THAT(effective(paths), ElementsAre(3, 1));
  EXPECT_THAT(dead(paths), ElementsAre(2, 1));  // units that the input does not reach; the output that reads nothing
}

TEST(Connectivity, ALayerNormPassesWhatItsScaleKeepsAndIsFedByWhatIsKept) {
  Masks cut{{"in.weight", {1, 1, 1, 0, 0, 0, 0, 0, 0}}, {"out.weight", {0, 0, 1, 0, 0, 0}}, {"norm.weight", {1, 1, 0}}};
  EXPECT_EQ(paths_of(small_norm(), cut).connectivity, (Connectivity{false, 3 + 2, 0}));
  cut["norm.weight"] = {0, 0, 1};  // the scale of what is read; all inputs still count
  EXPECT_THAT(effective(paths_of(small_norm(), cut)), ElementsAre(3, 1));
  cut["in.weight"] = std::vector<std::uint8_t>(9, 0);
  EXPECT_FALSE(paths_of(small_norm(), cut).connectivity.connected);
}

/// By brute force: a weight of an MLP lies on a path if the input reaches its unit and its output reaches the end,
/// following weights one by one.
std::int64_t count_by_following(const std::vector<std::vector<std::uint8_t>>& masks,
                                const std::vector<std::size_t>& widths) {
  const auto reaches_end = [&](auto&& self, std::size_t layer, std::size_t unit) -> bool {
    if (layer == masks.size()) return true;
    for (std::size_t out = 0; out < widths[layer + 1]; ++out)
      if (masks[layer][out * widths[layer] + unit] != 0 && self(self, layer + 1, out)) return true;
    return false;
  };
  const auto is_reached = [&](auto&& self, std::size_t layer, std::size_t unit) -> bool {
    if (layer == 0) return true;
    for (std::size_t in = 0; in < widths[layer - 1]; ++in)
      if (masks[layer - 1][unit * widths[layer - 1] + in] != 0 && self(self, layer - 1, in)) return true;
    return false;
  };
  std::int64_t count = 0;
  for (std::size_t layer = 0; layer < masks.size(); ++layer)
    for (std::size_t out = 0; out < widths[layer + 1]; ++out)
      for (std::size_t in = 0; in < widths[layer]; ++in)
        count += masks[layer][out * widths[layer] + in] != 0 && is_reached(is_reached, layer, in) &&
                 reaches_end(reaches_end, layer + 1, out);
  return count;
}

TEST(Connectivity, AgreesWithFollowingEveryPathOfRandomMasks) {
  const std::vector<std::size_t> widths{5, 6, 4, 3};
  const ModelDescription model = built_model("mlp", {5, 1, 1}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("c", graph.linear("b", graph.linear("a", graph.flatten(x), 6), 4), 3);
  });
  int collapsed = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, "mask", 0);
    std::vector<std::vector<std::uint8_t>> masks;
    Masks named;
    for (std::size_t layer = 0; layer < 3; ++layer) {
      std::vector<std::uint8_t> mask(widths[layer] * widths[layer + 1], 0);
      std::fill_n(mask.begin(), mask.size() / 5 + seed % 3, std::uint8_t{1});
      random.shuffle(mask);
      named[std::string(1, static_cast<char>('a' + layer)) + ".weight"] = masks.emplace_back(mask);
    }
    const Paths paths = paths_of(model, named);
    const std::int64_t followed = count_by_following(masks, widths);
    EXPECT_EQ(paths.connectivity.effective_kept, followed) << "seed " << seed;
    EXPECT_EQ(paths.connectivity.connected, followed > 0);
    collapsed += followed == 0 ? 1 : 0;
  }
  EXPECT_GT(collapsed, 0);  // both kinds occurred
  EXPECT_LT(collapsed, 200);
}

TEST(Connectivity, AMaskOfAnotherSizeIsABug) {
  try {
    paths_of(small_mlp(), {{"fc1.weight", {1, 1}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr("fc1.weight has 2 elements, not 6"));
  }
}

TEST(Connectivity, AStageReportsItByLayerAndWarnsOfWhatIsEmpty) {
  StageOutcome outcome;
  outcome.layers = {{"fc1", 6, -1, 0}, {"fc2", 6, -1, 6}};
  const Masks masks{{"fc1.weight", std::vector<std::uint8_t>(6, 0)}};
  report_paths(small_mlp(), views(masks), outcome);
  EXPECT_EQ(outcome.connectivity, (Connectivity{false, 5, 0}));
  EXPECT_EQ(outcome.layers[1].effective, 0);
  EXPECT_EQ(outcome.layers[0].dead_units, 3);
  EXPECT_THAT(outcome.warnings, ElementsAre(HasSubstr("fc1 is empty"), HasSubstr("collapsed")));
}

TEST(Connectivity, TwentyFiveMillionWeightsTakeWellBelowASecond) {
  const ModelDescription model = built_model("wide", {64, 1, 1}, 10, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc3", graph.linear("fc2", graph.linear("fc1", graph.flatten(x), 5000), 5000), 10);
  });
  RandomStream random(1, "mask", 0);
  std::vector<std::uint8_t> mask(25'000'000);
  for (std::uint8_t& one : mask) one = random.uniform() < 0.02 ? 1 : 0;
  const auto started = std::chrono::steady_clock::now();
  const Paths paths = paths_of(model, {{"fc2.weight", std::move(mask)}});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  EXPECT_TRUE(paths.connectivity.connected);
  RecordProperty("milliseconds", static_cast<int>(took.count() * 1000));
  EXPECT_LT(took.count(), 10);  // a hundred times what it takes: a sanitizer or a busy machine is no failure
}

}  // namespace
}  // namespace espalier
