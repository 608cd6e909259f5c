#include "experiments/operators/operator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/operators/graph_builder.h"

// What every operator makes of the sizes it is given, and what it refuses.

namespace espalier {
namespace {

using Sizes = std::vector<std::int64_t>;

/// An operator on examples of the sizes `input`, and on parameters of the others.
struct Application {
  const char* op;
  Sizes input;
  std::vector<Sizes> parameters;
  Attributes attributes;
};

struct Applied {
  OperatorGraph graph;
  const Node& node() const { return graph.nodes().back(); }
};

Applied apply(const Application& one) {
  GraphBuilder graph;
  std::vector<ValueIndex> inputs{graph.input(one.input)};
  for (std::size_t i = 0; i < one.parameters.size(); ++i)
    inputs.push_back(graph.parameter("p" + std::to_string(i), one.parameters[i], ParameterRole::other));
  const ValueIndex output = graph.add(one.op, "it", inputs, one.attributes);
  return {graph.finish(output)};
}

/// The sizes that it makes, or why it does not.
std::string outcome(const Application& one) {
  try {
    const Applied applied = apply(one);
    return to_string(applied.graph.value(applied.graph.output()).dims);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
}

Attributes window(const Sizes& kernel, const Sizes& strides, const Sizes& padding, std::int64_t round_up = 0) {
  return {{"kernel", kernel},
          {"strides", strides},
          {"padding", padding},
          {"dilations", Sizes(kernel.size(), 1)},
          {"round_up", round_up}};
}
Attributes convolution(const Sizes& strides, const Sizes& padding, const Sizes& dilations, std::int64_t groups) {
  return {{"strides", strides}, {"padding", padding}, {"dilations", dilations}, {"groups", groups}};
}
Attributes cut(std::int64_t dim, std::int64_t start, std::int64_t end, std::int64_t step) {
  return {{"dim", dim}, {"start", start}, {"end", end}, {"step", step}};
}
Attributes heads(std::int64_t queries, std::int64_t keys) {
  return {{"heads", queries}, {"key_value_heads", keys}, {"causal", 0}, {"divisor", 1.0}};
}

TEST(Operators, MakeTheirSizes) {
  const std::vector<std::pair<Application, std::string>> known{
      {{"Linear", {7, 5}, {{3, 5}, {3}}, {}}, "[N, 7, 3]"},
      {{"Conv", {6, 9, 8}, {{4, 3, 3, 1}}, convolution({2, 1}, {1, 0}, {1, 1}, 2)}, "[N, 4, 5, 8]"},
      {{"Conv", {6, 9, 9}, {{4, 6, 3, 3}}, convolution({1, 1}, {0, 0}, {4, 2}, 1)}, "[N, 4, 1, 5]"},
      {{"Conv", {6, 9}, {{4, 6, 3}}, convolution({1}, {1}, {1}, 1)}, "[N, 4, 9]"},
      {{"Conv", {1, 4, 4, 4}, {{2, 1, 2, 2, 2}}, convolution({2, 2, 2}, {0, 0, 0}, {1, 1, 1}, 1)}, "[N, 2, 2, 2, 2]"},
      {{"MaxPool", {3, 7, 7}, {}, window({2, 2}, {2, 2}, {0, 0})}, "[N, 3, 3, 3]"},
      {{"MaxPool", {3, 7, 7}, {}, window({2, 2}, {2, 2}, {0, 0}, 1)}, "[N, 3, 4, 4]"},
      {{"MaxPool", {3, 6, 7}, {}, window({3, 3}, {2, 2}, {1, 1})}, "[N, 3, 3, 4]"},
      {{"AdaptiveAveragePool", {3, 7, 7}, {}, {{"sizes", Sizes{2, 1}}}}, "[N, 3, 2, 1]"},
      {{"Embedding", {4}, {{9, 5}}, {}}, "[N, 4, 5]"},
      {{"MatMul", {4, 5}, {{5, 6}}, {}}, "[N, 4, 6]"},
      {{"MatMul", {2, 4, 5}, {{2, 5, 6}}, {}}, "[N, 2, 4, 6]"},
      {{"Add", {4, 5}, {{5}}, {}}, "[N, 4, 5]"},
      {{"Add", {4, 1}, {{4, 5}}, {}}, "[N, 4, 5]"},
      {{"ReduceMean", {4, 5}, {}, {{"dims", Sizes{2}}, {"keep_dims", 1}}}, "[N, 4, 1]"},
      {{"ReduceMean", {4, 5}, {}, {{"dims", Sizes{1}}, {"keep_dims", 0}}}, "[N, 5]"},
      {{"Transpose", {4, 5}, {}, {{"permutation", Sizes{2, 0, 1}}}}, "[5, N, 4]"},
      {{"Reshape", {4, 6}, {}, {{"sizes", Sizes{2, 2, 6}}, {"batch", 0}}}, "[2N, 2, 6]"},
      {{"Slice", {4, 6}, {}, cut(-1, 1, 6, 2)}, "[N, 4, 3]"},
      {{"Gather", {4, 6}, {}, {{"dim", 1}, {"indices", Sizes{3, 3, 0}}}}, "[N, 3, 6]"},
      {{"Pad", {4, 6}, {}, {{"before", Sizes{0, 1, 0}}, {"after", Sizes{0, 2, -1}}, {"value", 0.0}}}, "[N, 7, 5]"},
      {{"Resize", {3, 4, 4}, {}, {{"sizes", Sizes{8, 6}}, {"mode", "nearest"}, {"align_corners", 0}}}, "[N, 3, 8, 6]"},
      {{"Attention", {7, 8}, {{1, 7, 4}, {1, 7, 6}}, heads(4, 2)}, "[N, 7, 12]"},
      {{"Softmax", {4, 5}, {}, {{"dim", -1}}}, "[N, 4, 5]"},
      {{"Tanh", {4, 5}, {}, {}}, "[N, 4, 5]"},
  };
  for (const auto& [one, sizes] : known) EXPECT_EQ(outcome(one), sizes) << one.op;
}

TEST(Operators, RefuseWhatDoesNotFit) {
  const std::vector<std::pair<Application, std::string>> known{
      {{"Linear", {7, 4}, {{3, 5}}, {}}, "model: it takes 5 inputs, but gets 4"},
      {{"Conv", {5, 9, 9}, {{4, 3, 3, 3}}, convolution({1, 1}, {0, 0}, {1, 1}, 2)},
       "model: it takes 6 inputs, but gets 5"},
      {{"Conv", {3, 4, 4}, {{4, 3, 5, 5}}, convolution({1, 1}, {0, 0}, {1, 1}, 1)},
       "model: it has a window of 5 pixels, but gets 4; the images are too small for this model"},
      {{"Conv", {3}, {{4, 3, 1, 1}}, convolution({1, 1}, {0, 0}, {1, 1}, 1)},
       "model: it takes examples of channels and 2 dimensions, but gets [N, 3]"},
      {{"MaxPool", {3, 1, 1}, {}, window({2, 2}, {2, 2}, {0, 0})},
       "model: it has a window of 2 pixels, but gets 1; the images are too small for this model"},
      {{"BatchNorm", {4, 2, 2}, {{5}, {5}, {5}, {5}}, {{"epsilon", 1e-5}, {"momentum", 0.1}}},
       "model: it takes 5 inputs, but gets 4"},
      {{"LayerNorm", {7, 4}, {{5}, {5}}, {{"dims", 1}, {"epsilon", 1e-5}}}, "model: it takes 5 inputs, but gets 4"},
      {{"GroupNorm", {4, 2, 2}, {}, {{"groups", 3}, {"epsilon", 1e-5}}},
       "model: it cannot share 4 channels among 3 groups"},
      {{"Add", {4, 5}, {{4}}, {}}, "model: it takes [N, 4, 5] and [4], which do not fit together"},
      {{"Add", {5}, {{3, 5}}, {}}, "model: it takes [N, 5] and [3, 5], which do not fit together"},
      {{"MatMul", {4, 5}, {{4, 6}}, {}}, "model: it takes 4 inputs, but gets 5"},
      {{"Concat", {4, 5}, {{1, 4, 5}}, {{"dim", 1}}},
       "model: it takes [N, 4, 5] and [1, 4, 5], which do not fit together"},
      {{"ReduceMean", {4}, {}, {{"dims", Sizes{0}}, {"keep_dims", 0}}}, "model: it reduces the examples"},
      {{"Softmax", {4}, {}, {{"dim", 0}}}, "model: it compares examples"},
      {{"Slice", {4}, {}, cut(0, 0, 1, 1)}, "model: it takes some of the examples"},
      {{"Slice", {4}, {}, cut(1, 2, 5, 1)}, "model: it takes 2 to 5 of [N, 4]"},
      {{"Gather", {4}, {}, {{"dim", 1}, {"indices", Sizes{4}}}}, "model: it takes index 4 of [N, 4]"},
      {{"Transpose", {4}, {}, {{"permutation", Sizes{0, 0}}}}, "model: it has a permutation that is none of [N, 4]"},
      {{"Attention", {7, 8}, {{1, 7, 8}, {1, 7, 8}}, heads(3, 3)}, "model: it cannot share a width of 8 among 3 heads"},
  };
  for (const auto& [one, message] : known) EXPECT_EQ(outcome(one), message) << one.op;
}

TEST(Operators, CountMultiplyAddsOfWeightsAndOfProductsApart) {
  const auto madds_of = [](const Application& one) {
    const Applied applied = apply(one);
    const Madds madds = applied.node().op->madds(applied.graph, applied.node());
    return std::pair(madds.layer, madds.products);
  };
  EXPECT_EQ(madds_of({"Linear", {7, 5}, {{3, 5}}, {}}), std::pair(std::int64_t{7 * 3 * 5}, std::int64_t{0}));
  EXPECT_EQ(madds_of({"Conv", {6, 9, 9}, {{4, 3, 3, 3}}, convolution({2, 2}, {1, 1}, {1, 1}, 2)}),
            std::pair(std::int64_t{4 * 5 * 5 * 3 * 9}, std::int64_t{0}));
  EXPECT_EQ(madds_of({"MatMul", {4, 5}, {{5, 6}}, {}}), std::pair(std::int64_t{4 * 6 * 5}, std::int64_t{0}));
  // q k^T: 7 x 9 matches of width 8; with v: 7 x 9 shares of width 12.
  EXPECT_EQ(madds_of({"Attention", {7, 8}, {{1, 9, 4}, {1, 9, 6}}, heads(4, 2)}),
            std::pair(std::int64_t{0}, std::int64_t{7 * 9 * (8 + 12)}));
  EXPECT_EQ(madds_of({"Relu", {7, 5}, {}, {}}), std::pair(std::int64_t{0}, std::int64_t{0}));
}

TEST(Operators, AreFoundByTheirNames) {
  EXPECT_EQ(find_operator("Conv").name(), "Conv");
  EXPECT_TRUE(find_operator("Conv").has(OperatorTrait::layer));
  EXPECT_TRUE(find_operator("Relu").has(OperatorTrait::relu));
  EXPECT_FALSE(find_operator("Gelu").has(OperatorTrait::relu));
  EXPECT_THROW(find_operator("conv"), Error);
}

}  // namespace
}  // namespace espalier
