#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/operators/coupled_units.h"

// What leaves with a channel, layer by layer. Every network here ends in a layer "out" that keeps its outputs.

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(Coupling, AFilterLeavesWithItsNormAndWithWhatReadsIt) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({3, 6, 6}), {4, 3, 1, 1});
  x = graph.max_pool2d(graph.relu("relu", graph.batch_norm("bn", x)));
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 2),
            "conv.weight[2] conv.bias[2] bn.weight[2] bn.bias[2] bn.running_mean[2] bn.running_var[2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("conv.weight", 2), "");
  EXPECT_FALSE(units.is_head("conv.weight", 2));
  EXPECT_EQ(units.dims_of_node("relu")[0].removed, 0.0);
}

TEST(Coupling, InputsKernelsAndOutputsStay) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({3, 6, 6}), {4, 3});
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.kept_by("conv.weight", 0, 1), "conv");  // a channel of the images
  EXPECT_EQ(units.kept_by("conv.weight", 1, 2), "conv");
  EXPECT_EQ(units.kept_by("conv.weight", 1, 3), "conv");
  EXPECT_EQ(units.kept_by("out.weight", 0), "out");
  EXPECT_EQ(units.kept_by("out.bias", 1), "out");
}

TEST(Coupling, WhatIsAddedUpLeavesTogether) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("stem", graph.input({3, 6, 6}), {4, 3, 1, 1, false});
  const ValueIndex body = graph.conv2d("b", graph.conv2d("a", x, {5, 3, 1, 1, false}), {4, 3, 1, 1, false});
  const CoupledUnits units(graph, graph.conv2d("out", graph.sum(body, x), {2, 3}));
  EXPECT_EQ(units.with("stem.weight", 3), "stem.weight[3] a.weight[:,3] b.weight[3] out.weight[:,3]");
  EXPECT_EQ(units.with("a.weight", 4), "a.weight[4] b.weight[:,4]");
}

TEST(Coupling, WhatIsAddedToTheInputStays) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({3, 6, 6});
  const ValueIndex sum = graph.add("Add", "sum", {graph.conv2d("conv", x, {3, 3, 1, 1}), x});
  const CoupledUnits units(graph, graph.conv2d("out", sum, {2, 3}));
  EXPECT_EQ(units.kept_by("conv.weight", 1), "sum");
}

TEST(Coupling, SumsAlignAtTheLastDimensionAndRepeatSingleIndices) {
  GraphBuilder graph;
  ValueIndex x = graph.linear("in", graph.input({6, 5}), 4, false);
  x = graph.add("Add", "shifted", {x, graph.parameter("shift", {4}, ParameterRole::other)});
  x = graph.add("Add", "placed", {graph.parameter("place", {6, 4}, ParameterRole::other), x});
  x = graph.add("Mul", "scaled", {graph.parameter("scale", {6, 1}, ParameterRole::other), x});
  const CoupledUnits units(graph, graph.linear("out", x, 3));
  EXPECT_EQ(units.with("in.weight", 2), "in.weight[2] shift[2] place[:,2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("in.weight", 2), "");
  EXPECT_EQ(units.kept_by("place", 5), "placed");  // tokens
  EXPECT_EQ(units.kept_by("scale", 5), "scaled");
}

TEST(Coupling, AFlattenedChannelIsReadPixelByPixel) {
  GraphBuilder graph;
  const ValueIndex x = graph.max_pool2d(graph.conv2d("conv", graph.input({1, 6, 6}), {3, 3}));
  const CoupledUnits units(graph, graph.linear("out", graph.flatten(x), 2));
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[1] conv.bias[1] out.weight[:,4 5 6 7]");
  EXPECT_EQ(units.kept_by("conv.weight", 1), "");
}

TEST(Coupling, ConcatPutsUnitsSideBySideAndSliceTakesSome) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({3, 6, 6});
  const ValueIndex a = graph.conv2d("a", x, {2, 3, 1, 1, false}), b = graph.conv2d("b", x, {3, 3, 1, 1, false});
  const ValueIndex both = graph.add("Concat", "both", {a, b, x}, {{"dim", 1}});
  const ValueIndex some = graph.add("Slice", "some", {both}, {{"dim", 1}, {"start", 1}, {"end", 7}, {"step", 2}});
  const CoupledUnits units(graph, graph.conv2d("out", some, {2, 3}));  // reads 1 of a, 1 of b, 0 of x
  EXPECT_EQ(units.with("a.weight", 0), "a.weight[0]");
  EXPECT_EQ(units.with("a.weight", 1), "a.weight[1] out.weight[:,0]");
  EXPECT_EQ(units.with("b.weight", 1), "b.weight[1] out.weight[:,1]");
  EXPECT_EQ(units.with("b.weight", 2), "b.weight[2]");
  for (const std::size_t index : {0, 1}) EXPECT_EQ(units.kept_by("out.weight", index, 1), "");
  EXPECT_EQ(units.kept_by("out.weight", 2, 1), "both");
}

TEST(Coupling, ValuesThatAreJoinedAlongTokensShareTheirWidth) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({4, 5}), 3, false);
  ValueIndex first = graph.parameter("first", {1, 1, 3}, ParameterRole::other);
  first = graph.add("Expand", "", {first}, {{"sizes", Sizes{1, 1, 3}}, {"batch", 0}});
  const ValueIndex all = graph.add("Concat", "", {first, x}, {{"dim", 1}});
  const CoupledUnits units(graph, graph.linear("out", all, 2));
  EXPECT_EQ(units.with("in.weight", 2), "in.weight[2] first[:,2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("in.weight", 2), "");
}

TEST(Coupling, GatherTakesItsIndices) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {4, 3, 1, 1, false});
  const ValueIndex turned = graph.add("Gather", "", {x}, {{"dim", 1}, {"indices", Sizes{3, 0, 3}}});
  const CoupledUnits units(graph, graph.conv2d("out", turned, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 3), "conv.weight[3] out.weight[:,0 2]");
  EXPECT_EQ(units.with("conv.weight", 0), "conv.weight[0] out.weight[:,1]");
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[1]");
}

TEST(Coupling, AChannelThatIsTakenAloneStays) {
  // Channel 0 gates all four: without it nothing would be left of the dimension.
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {4, 3, 1, 1, false});
  const ValueIndex gate = graph.add("Slice", "first", {x}, {{"dim", 1}, {"start", 0}, {"end", 1}, {"step", 1}});
  const CoupledUnits units(graph, graph.conv2d("out", graph.add("Mul", "", {x, gate}), {2, 3}));
  EXPECT_EQ(units.kept_by("conv.weight", 0), "first");
  EXPECT_EQ(units.with("conv.weight", 3), "conv.weight[3] out.weight[:,3]");
  EXPECT_EQ(units.kept_by("conv.weight", 3), "");
}

TEST(Coupling, AChannelTakesWhatSqueezesAndExcitesIt) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {4, 3, 1, 1, false});
  ValueIndex gate = graph.add("ReduceMean", "", {x}, {{"dims", Sizes{2, 3}}, {"keep_dims", 1}});
  gate = graph.relu("", graph.conv2d("fc1", gate, {2, 1, 1, 0, false}));
  gate = graph.add("Sigmoid", "gate", {graph.conv2d("fc2", gate, {4, 1})});
  const CoupledUnits units(graph, graph.conv2d("out", graph.add("Mul", "gated", {x, gate}), {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 3), "conv.weight[3] fc1.weight[:,3] fc2.weight[3] fc2.bias[3] out.weight[:,3]");
  EXPECT_EQ(units.kept_by("conv.weight", 3), "");
  EXPECT_EQ(units.with("fc1.weight", 1), "fc1.weight[1] fc2.weight[:,1]");
  EXPECT_EQ(units.dims_of_node("gate")[0].removed, 0.5);
  EXPECT_EQ(units.dims_of_node("gated")[0].removed, 0.0);
}

TEST(Coupling, AChannelTakesItsDepthwiseFilters) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {3, 3, 1, 1, false});
  const ValueIndex deep = graph.conv2d("depthwise", x, {6, 3, 1, 1, false, 3});
  const CoupledUnits units(graph, graph.conv2d("out", deep, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[1] depthwise.weight[2 3] out.weight[:,2 3]");
  EXPECT_EQ(units.kept_by("conv.weight", 1), "");
  EXPECT_TRUE(units.coupling().balances().empty());
}

TEST(Coupling, ADepthwiseConvolutionOfTheInputStays) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("depthwise", graph.input({3, 6, 6}), {3, 3, 1, 1, false, 3});
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.kept_by("depthwise.weight", 1), "depthwise");
  EXPECT_EQ(units.kept_by("out.weight", 1, 1), "depthwise");
}

TEST(Coupling, EveryGroupLosesAsManyChannels) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {8, 3, 1, 1, false});
  const ValueIndex grouped = graph.conv2d("grouped", x, {6, 3, 1, 1, false, 2});
  const CoupledUnits units(graph, graph.conv2d("out", grouped, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 5), "conv.weight[5]");  // index 1 of the second group's rows
  EXPECT_EQ(units.kept_by("conv.weight", 5), "");
  EXPECT_EQ(units.with("grouped.weight", 4), "grouped.weight[4] out.weight[:,4]");
  EXPECT_EQ(units.kept_by("grouped.weight", 4), "");
  EXPECT_EQ(units.kept_by("grouped.weight", 1, 1), "grouped");
  std::vector<std::size_t> channels;
  for (const Coupling::Balance& balance : units.coupling().balances()) {
    channels.push_back(balance.atoms.size());
    EXPECT_EQ(balance.parts, 2);
  }
  EXPECT_THAT(channels, ElementsAre(8, 6));
  ASSERT_EQ(units.coupling().grouped_inputs().size(), 1U);
  const Coupling::GroupedInputs& inputs = units.coupling().grouped_inputs()[0];
  EXPECT_EQ(units.graph().value(inputs.weight).name, "grouped.weight");
  EXPECT_EQ(inputs.groups, 2);
  EXPECT_EQ(inputs.atoms.size(), 8U);
}

TEST(Coupling, ATransposedConvolutionHasItsInputsFirst) {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {4, 3, 1, 1, false});
  const ValueIndex weight = graph.parameter("up.weight", {4, 3, 2, 2}, ParameterRole::weight);
  const ValueIndex bias = graph.parameter("up.bias", {3}, ParameterRole::bias);
  const ValueIndex up = graph.add("ConvTranspose", "up", {x, weight, bias},
                                  {{"strides", Sizes{2, 2}},
                                   {"padding", Sizes{0, 0}},
                                   {"dilations", Sizes{1, 1}},
                                   {"output_padding", Sizes{0, 0}},
                                   {"groups", 1}});
  EXPECT_EQ(to_string(graph.dims(up)), "[N, 3, 12, 12]");
  const CoupledUnits units(graph, graph.conv2d("out", up, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 3), "conv.weight[3] up.weight[3]");
  EXPECT_EQ(units.with("up.bias", 2), "up.weight[:,2] up.bias[2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("up.bias", 2), "");
}

TEST(Coupling, WidthsAndChannelsThatAreAveragedStay) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({4, 5}), 3);
  const CoupledUnits normed(graph, graph.linear("out", graph.layer_norm("ln", x), 2));
  EXPECT_EQ(normed.kept_by("in.weight", 2), "ln");
  EXPECT_EQ(normed.kept_by("ln.weight", 2), "ln");

  GraphBuilder other;
  const ValueIndex y = other.conv2d("conv", other.input({1, 6, 6}), {4, 3});
  const ValueIndex mean = other.add("ReduceMean", "mean", {y}, {{"dims", Sizes{1}}, {"keep_dims", 0}});
  const CoupledUnits averaged(other, other.linear("out", mean, 2));
  EXPECT_EQ(averaged.kept_by("conv.weight", 2), "mean");
  EXPECT_EQ(averaged.kept_by("out.weight", 2, 1), "out");

  GraphBuilder third;
  const ValueIndex z = third.conv2d("conv", third.input({1, 6, 6}), {4, 3});
  const CoupledUnits pooled(third, third.linear("out", third.global_average_pool(z), 2));
  EXPECT_EQ(pooled.with("conv.weight", 2), "conv.weight[2] conv.bias[2] out.weight[:,2]");
  EXPECT_EQ(pooled.kept_by("conv.weight", 2), "");
}

TEST(Coupling, TheChannelsOfANormalizedGroupLeaveTogether) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({1, 6, 6}), {4, 3, 1, 1, false});
  const ValueIndex scale = graph.parameter("gn.weight", {4}, ParameterRole::scale);
  const ValueIndex shift = graph.parameter("gn.bias", {4}, ParameterRole::bias);
  x = graph.add("GroupNorm", "gn", {x, scale, shift}, {{"groups", 2}, {"epsilon", 1e-5}});
  const CoupledUnits units(graph, graph.conv2d("out", x, {2, 3}));
  EXPECT_EQ(units.with("conv.weight", 1), "conv.weight[0 1] gn.weight[0 1] gn.bias[0 1] out.weight[:,0 1]");
  EXPECT_EQ(units.kept_by("conv.weight", 1), "");
  EXPECT_EQ(units.with("conv.weight", 2), "conv.weight[2 3] gn.weight[2 3] gn.bias[2 3] out.weight[:,2 3]");
}

TEST(Coupling, AnEmbeddingLosesColumnsAndNoWord) {
  GraphBuilder graph;
  const ValueIndex x = graph.embedding("words", graph.input({4}, ValueType::index), 7, 3);
  const CoupledUnits units(graph, graph.linear("out", x, 7));
  EXPECT_EQ(units.with("words.weight", 2, 1), "words.weight[:,2] out.weight[:,2]");
  EXPECT_EQ(units.kept_by("words.weight", 2, 1), "");
  EXPECT_EQ(units.kept_by("words.weight", 6), "words");
}

TEST(Coupling, ATensorThatIsReadTwiceCouplesItsReaders) {
  GraphBuilder graph;
  const ValueIndex weight = graph.parameter("shared", {4, 4}, ParameterRole::other);
  const ValueIndex x = graph.linear("in", graph.input({5}), 4, false);
  const ValueIndex y = graph.add("Linear", "first", {x, weight, kNoValue});
  const ValueIndex z = graph.add("Linear", "second", {y, weight, kNoValue});
  const CoupledUnits units(graph, graph.linear("out", z, 2));
  EXPECT_EQ(units.with("in.weight", 3), "shared[3] shared[:,3] in.weight[3] out.weight[:,3]");
  EXPECT_EQ(units.kept_by("in.weight", 3), "");
}

TEST(Coupling, WhatARemovedUnitWouldMakeInfiniteStays) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({5}), 4);
  const ValueIndex inverse = graph.add("Reciprocal", "inverse", {x});
  const CoupledUnits units(graph, graph.linear("out", inverse, 2));
  EXPECT_EQ(units.kept_by("in.weight", 3), "inverse");

  GraphBuilder other;
  const ValueIndex y = other.input({5});
  const ValueIndex top = other.linear("top", y, 4), bottom = other.linear("bottom", y, 4);
  const CoupledUnits divided(other, other.linear("out", other.add("Div", "divided", {top, bottom}), 2));
  EXPECT_EQ(divided.kept_by("top.weight", 3), "divided");
  EXPECT_EQ(divided.kept_by("bottom.weight", 3), "divided");
}

TEST(Coupling, WhatIsLeftOfARemovedUnitIsKnownWhereItIsOneNumber) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({5}), 4);
  const ValueIndex one = graph.add("Exp", "one", {x});
  const ValueIndex three = graph.add("AddNumber", "three", {one}, {{"number", 2.0}});
  const ValueIndex four = graph.add("Add", "four", {three, one});
  const ValueIndex scaled = graph.add("Mul", "scaled", {four, graph.parameter("scale", {4}, ParameterRole::other)});
  const CoupledUnits units(graph, graph.linear("out", scaled, 2));
  EXPECT_EQ(units.dims_of_node("one")[0].removed, 1.0);
  EXPECT_EQ(units.dims_of_node("three")[0].removed, 3.0);
  EXPECT_EQ(units.dims_of_node("four")[0].removed, 4.0);
  EXPECT_EQ(units.dims_of_node("scaled")[0].removed, 0.0);
}

}  // namespace
}  // namespace espalier
