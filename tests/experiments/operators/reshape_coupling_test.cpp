#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/experiments/operators/coupled_units.h"

// Units through reshapes and transposes: after a reshape, indices are counted in another way, and still belong to the
// units they belonged to.

namespace espalier {
namespace {

ValueIndex reshaped(GraphBuilder& graph, ValueIndex x, const Sizes& sizes, std::int64_t batch = 0) {
  return graph.add("Reshape", "", {x}, {{"sizes", sizes}, {"batch", batch}});
}
ValueIndex transposed(GraphBuilder& graph, ValueIndex x, const Sizes& permutation) {
  return graph.add("Transpose", "", {x}, {{"permutation", permutation}});
}

std::string reshape_refusal(const Sizes& from, const Sizes& to, std::int64_t batch) {
  GraphBuilder graph;
  try {
    graph.add("Reshape", "turn", {graph.input(from)}, {{"sizes", to}, {"batch", batch}});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "accepted";
}

TEST(ReshapeCoupling, AShuffleOfChannelsIsAPermutationAndNeedsThemAll) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({1, 4, 4}), {6, 3, 1, 1, false});
  x = transposed(graph, reshaped(graph, x, {1, 2, 3, 4, 4}), {0, 2, 1, 3, 4});
  x = reshaped(graph, x, {1, 6, 4, 4});  // channels 0 3 1 4 2 5
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 3), "conv.weight[3] out.weight[:,1]");
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[1] out.weight[:,2]");
  EXPECT_EQ(units.with("conv.weight", 2), "conv.weight[2] out.weight[:,4]");
  EXPECT_EQ(units.kept_by("conv.weight", 3), "reshape_1");  // five channels are no rectangle
}

TEST(ReshapeCoupling, ThereAndBackIsAsBefore) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({1, 4, 4}), {6, 3, 1, 1, false});
  x = reshaped(graph, graph.flatten(x), {1, 6, 4, 4});
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 5), "conv.weight[5] out.weight[:,5]");
  EXPECT_EQ(units.kept_by("conv.weight", 5), "");
}

TEST(ReshapeCoupling, PixelsBecomeTokensAndChannelsTheirWidth) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("patches", graph.input({3, 8, 8}), {6, 4, 4, 0, false});
  x = transposed(graph, reshaped(graph, x, {1, 6, 4}), {0, 2, 1});
  const CoupledUnits units(graph, graph.linear("out", graph.mean_tokens(x), 2));
  EXPECT_EQ(units.with("patches.weight", 4), "patches.weight[4] out.weight[:,4]");
  EXPECT_EQ(units.kept_by("patches.weight", 4), "");
}

TEST(ReshapeCoupling, PixelsThatBecomeChannelsAreReadByEach) {
  // A focus, or pixel unshuffle: [N, 2, 4, 4] -> [N, 2, 2, 2, 2, 2] -> [N, 8, 2, 2].
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({1, 4, 4}), {2, 3, 1, 1, false});
  x = transposed(graph, reshaped(graph, x, {1, 2, 2, 2, 2, 2}), {0, 1, 3, 5, 2, 4});
  x = reshaped(graph, x, {1, 8, 2, 2});
  const CoupledUnits units(graph, graph.conv2d("out", x, {3, 1}));
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[1] out.weight[:,4 5 6 7]");
  EXPECT_EQ(units.kept_by("conv.weight", 1), "");
}

TEST(ReshapeCoupling, ChannelsThatBecomePixelsLeaveTogether) {
  // A pixel shuffle: [N, 8, 4, 4] -> [N, 2, 2, 2, 4, 4] -> [N, 2, 8, 8].
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({1, 4, 4}), {8, 3, 1, 1, false});
  x = transposed(graph, reshaped(graph, x, {1, 2, 2, 2, 4, 4}), {0, 1, 4, 2, 5, 3});
  x = reshaped(graph, x, {1, 2, 8, 8});
  const CoupledUnits units(graph, graph.conv2d("out", x, {3, 3}));
  EXPECT_EQ(units.with("conv.weight", 6), "conv.weight[4 5 6 7] out.weight[:,1]");
  EXPECT_EQ(units.with("conv.weight", 0), "conv.weight[0 1 2 3] out.weight[:,0]");
}

TEST(ReshapeCoupling, WindowsBecomeExamplesAndKeepTheirWidth) {
  GraphBuilder graph;
  ValueIndex x = graph.linear("in", graph.input({4, 4, 3}), 5, false);
  x = transposed(graph, reshaped(graph, x, {1, 2, 2, 2, 2, 5}), {0, 1, 3, 2, 4, 5});
  x = reshaped(graph, x, {4, 4, 5});
  EXPECT_EQ(to_string(graph.dims(x)), "[4N, 4, 5]");
  x = graph.linear("inside", x, 6, false);
  x = transposed(graph, reshaped(graph, x, {1, 2, 2, 2, 2, 6}), {0, 1, 3, 2, 4, 5});
  const CoupledUnits units(graph, graph.linear("out", reshaped(graph, x, {1, 16, 6}), 2));
  EXPECT_EQ(units.with("in.weight", 4), "in.weight[4] inside.weight[:,4]");
  EXPECT_EQ(units.kept_by("in.weight", 4), "");
  EXPECT_EQ(units.with("inside.weight", 2), "inside.weight[2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("inside.weight", 2), "");
}

TEST(ReshapeCoupling, AParameterThatIsReshapedKeepsItsUnits) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 4, 4}), {3, 3, 1, 1, false});
  const ValueIndex scale = reshaped(graph, graph.parameter("scale", {3}, ParameterRole::other), {3, 1, 1}, -1);
  const CoupledUnits units(graph, graph.conv2d("out", graph.add("Mul", "", {x, scale}), {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 2), "conv.weight[2] scale[2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("conv.weight", 2), "");
}

TEST(ReshapeCoupling, IndicesThatMixUnitsUniteThem) {
  // 4 x 6 read as 6 x 4: each of the 4 columns has indices of all four units.
  GraphBuilder graph;
  ValueIndex x = transposed(graph, graph.linear("in", graph.input({6, 3}), 4, false), {0, 2, 1});
  x = reshaped(graph, x, {1, 6, 4});
  const CoupledUnits units(graph, graph.linear("out", x, 2));
  EXPECT_EQ(units.with("in.weight", 0), "in.weight[0 1 2 3] out.weight[:,0 1 2 3]");
}

TEST(ReshapeCoupling, TokensAndWidthThatBecomeOneDimensionAreReadTokenByToken) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({3, 2}), 4, false);
  const CoupledUnits units(graph, graph.linear("out", graph.flatten(x), 2));
  EXPECT_EQ(units.with("in.weight", 1), "in.weight[1] out.weight[:,1 5 9]");
  EXPECT_EQ(units.kept_by("in.weight", 1), "");
}

TEST(ReshapeCoupling, ShapesThatDoNotFitAreRefused) {
  EXPECT_EQ(reshape_refusal({4, 6}, {1, 23}, 0), "model: turn cannot give [N, 4, 6] the shape [N, 23]");
  EXPECT_EQ(reshape_refusal({4, 6}, {4, 6}, 1), "model: turn cannot give [N, 4, 6] the shape [4, 6N]");
  EXPECT_EQ(reshape_refusal({4, 6}, {24}, -1), "model: turn cannot give [N, 4, 6] the shape [24]");
  EXPECT_EQ(reshape_refusal({4, 6}, {4, 6}, 0), "accepted");
  EXPECT_EQ(reshape_refusal({4, 6}, {1, 1, 4, 1, 6, 1}, 0), "accepted");
  EXPECT_EQ(reshape_refusal({4, 6}, {1, 1, 24}, 1), "accepted");  // a single index before the examples
}

}  // namespace
}  // namespace espalier
