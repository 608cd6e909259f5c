// Paths through operators that join, cut, move and repeat channels: asked of what each couples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"
#include "worker/pruning/connectivity.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using Bytes = std::vector<std::uint8_t>;

struct Counted {
  std::vector<std::int64_t> effective, dead;
};

Counted counted(const ModelDescription& model, const std::map<std::string, Bytes>& masks) {
  MaskViews views;
  for (const auto& [name, mask] : masks) views[name] = mask;
  Counted made;
  for (const LayerPaths& layer : find_paths(model, views).layers) {
    made.effective.push_back(layer.effective);
    made.dead.push_back(layer.dead_units);
  }
  return made;
}

ValueIndex classes(GraphBuilder& graph, ValueIndex x) {
  return graph.linear("fc", graph.global_average_pool(x), 2);
}

// a has 2 channels, b 3, side by side; fc reads a's channel 1 and b's channel 0 alone.
TEST(OperatorPaths, WhatIsJoinedSideBySideKeepsItsPlace) {
  const ModelDescription model = built_model("concat", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex a = graph.conv2d("a", x, {2, 1}), b = graph.conv2d("b", x, {3, 1});
    return classes(graph, graph.add("Concat", "", {a, b}, {{"dim", std::int64_t{1}}}));
  });
  const Counted made = counted(model, {{"fc.weight", {0, 1, 0, 0, 0, /**/ 0, 1, 1, 0, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(1, 1, 3));
  EXPECT_THAT(made.dead, ElementsAre(1, 2, 0));
}

// The second half of four channels is taken; of these fc reads the first.
TEST(OperatorPaths, WhatIsCutOffLeadsNowhere) {
  const ModelDescription model = built_model("slice", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add(
        "Slice", "", {graph.conv2d("conv", x, {4, 1})},
        {{"dim", std::int64_t{1}}, {"start", std::int64_t{2}}, {"end", std::int64_t{4}}, {"step", std::int64_t{1}}});
    return classes(graph, x);
  });
  const Counted made = counted(model, {{"fc.weight", {1, 0, 1, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(1, 2));
  EXPECT_THAT(made.dead, ElementsAre(3, 0));
}

// Channels 0 and 1, 2 and 3 in two groups become 0, 2, 1, 3; fc reads the second: 2.
TEST(OperatorPaths, AShuffleMovesChannels) {
  using Sizes = std::vector<std::int64_t>;
  const ModelDescription model = built_model("shuffle", {1, 3, 3}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv", x, {4, 1});
    x = graph.add("Reshape", "", {x}, {{"sizes", Sizes{1, 2, 2, 3, 3}}, {"batch", std::int64_t{0}}});
    x = graph.add("Transpose", "", {x}, {{"permutation", Sizes{0, 2, 1, 3, 4}}});
    x = graph.add("Reshape", "", {x}, {{"sizes", Sizes{1, 4, 3, 3}}, {"batch", std::int64_t{0}}});
    return classes(graph, x);
  });
  const Counted made = counted(model, {{"conv.weight", {0, 0, 1, 1}}, {"fc.weight", {0, 1, 0, 0, 0, 1, 0, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(1, 2));
  EXPECT_THAT(made.dead, ElementsAre(3, 0));
  EXPECT_THAT(counted(model, {{"conv.weight", {1, 1, 0, 1}}, {"fc.weight", {0, 1, 0, 0, 0, 1, 0, 0}}}).effective,
              ElementsAre(0, 0));
}

// Two groups of two: a channel of the second reaches outputs of the second alone.
TEST(OperatorPaths, GroupsSeeTheirOwnInputs) {
  const ModelDescription model = built_model("groups", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("in", x, {4, 1});
    return classes(graph, graph.conv2d("grouped", x, {4, 1, 1, 0, true, 2}));
  });
  const Counted made = counted(model, {{"in.weight", {0, 0, 1, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(1, 2, 4));
  EXPECT_THAT(made.dead, ElementsAre(3, 2, 0));
}

// W [in 2, out 3]: input 0 feeds output 0, input 1 outputs 1 and 2; fc reads output 2.
TEST(OperatorPaths, ATransposedConvolutionHasItsInputsFirst) {
  using Sizes = std::vector<std::int64_t>;
  const ModelDescription model = built_model("transposed", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("in", x, {2, 1});
    const ValueIndex weight = graph.parameter("up.weight", {2, 3, 1, 1}, ParameterRole::weight);
    x = graph.add("ConvTranspose", "up", {x, weight},
                  {{"strides", Sizes{1, 1}},
                   {"padding", Sizes{0, 0}},
                   {"dilations", Sizes{1, 1}},
                   {"output_padding", Sizes{0, 0}},
                   {"groups", std::int64_t{1}}});
    return classes(graph, x);
  });
  const Counted made = counted(model, {{"up.weight", {1, 0, 0, 0, 1, 1}}, {"fc.weight", {0, 0, 1, 0, 0, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(1, 1, 1));
  EXPECT_THAT(made.dead, ElementsAre(1, 2, 1));
}

// x times a gate made of all of x: channel 0 is read from x and from every channel through the gate.
TEST(OperatorPaths, AGateIsReadWithWhatItGates) {
  const ModelDescription model = built_model("gate", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("in", x, {3, 1});
    const std::vector<std::int64_t> image{2, 3};
    ValueIndex gate = graph.add("ReduceMean", "", {x}, {{"dims", image}, {"keep_dims", std::int64_t{1}}});
    gate = graph.add("Sigmoid", "", {graph.conv2d("gate", gate, {3, 1})});
    return classes(graph, graph.add("Mul", "", {x, gate}));
  });
  // fc reads channel 0; the gate's channel 0 looks at channel 1 alone.
  const Counted made =
      counted(model, {{"fc.weight", {1, 0, 0, 1, 0, 0}}, {"gate.weight", {0, 1, 0, /**/ 1, 1, 1, /**/ 1, 1, 1}}});
  EXPECT_THAT(made.effective, ElementsAre(2, 1, 2));
  EXPECT_THAT(made.dead, ElementsAre(1, 2, 0));
}

// A product with a parameter joins every input with every output.
TEST(OperatorPaths, AProductWithAParameterJoinsAll) {
  const ModelDescription model = built_model("matmul", {3, 1, 1}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.linear("in", graph.flatten(x), 3);
    x = graph.add("MatMul", "", {x, graph.parameter("P", {3, 4}, ParameterRole::other)});
    return graph.linear("fc", x, 2);
  });
  const Counted made =
      counted(model, {{"in.weight", {1, 1, 1, 0, 0, 0, 0, 0, 0}}, {"fc.weight", {0, 0, 1, 0, 0, 0, 0, 0}}});
  EXPECT_THAT(made.effective, ElementsAre(3, 1));
  EXPECT_THAT(made.dead, ElementsAre(2, 1));
}

}  // namespace
}  // namespace espalier
