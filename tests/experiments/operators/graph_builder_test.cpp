#include "experiments/operators/graph_builder.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string builder_error(ErrorKind kind, const std::function<void(GraphBuilder&)>& build) {
  GraphBuilder graph;
  try {
    build(graph);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

OperatorGraph small_graph(std::int64_t stride) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv", graph.input({2, 5, 5}), {4, 3, stride, 1, false});
  x = graph.flatten(graph.relu("", graph.batch_norm("bn", x)));
  return graph.finish(graph.linear("fc", x, 3));
}

TEST(GraphBuilder, WhatItMakesIsNamedAsInTorchAndReadsAsText) {
  EXPECT_EQ(small_graph(2).text(),
            "input input [N, 2, 5, 5]\n"
            "weight conv.weight [4, 2, 3, 3]\n"
            "scale bn.weight [4]\n"
            "bias bn.bias [4]\n"
            "weight fc.weight [3, 36]\n"
            "bias fc.bias [3]\n"
            "buffer bn.running_mean [4]\n"
            "buffer bn.running_var [4]\n"
            "conv = Conv(input, conv.weight, -) dilations=[1 1] groups=1 padding=[1 1] strides=[2 2] -> [N, 4, 3, 3]\n"
            "bn = BatchNorm(conv, bn.weight, bn.bias, bn.running_mean, bn.running_var) epsilon=1e-05 "
            "momentum=0.1 -> [N, 4, 3, 3]\n"
            "relu_1 = Relu(bn) -> [N, 4, 3, 3]\n"
            "reshape_1 = Reshape(relu_1) batch=0 sizes=[1 36] -> [N, 36]\n"
            "fc = Linear(reshape_1, fc.weight, fc.bias) -> [N, 3]\n"
            "output fc\n");
  EXPECT_NE(small_graph(2).text(), small_graph(1).text());
}

TEST(GraphBuilder, BuffersSayHowTheyBegin) {
  const OperatorGraph graph = small_graph(1);
  std::vector<double> first;
  for (const Value& value : graph.values()) {
    if (value.source == Value::Source::buffer) first.push_back(value.initial);
  }
  EXPECT_THAT(first, ElementsAre(0, 1));
}

TEST(GraphBuilder, AGraphKnowsWhoMakesAndReadsAValue) {
  GraphBuilder builder;
  const ValueIndex x = builder.linear("in", builder.input({3}), 3);
  const ValueIndex squared = builder.add("Mul", "squared", {x, x});
  const OperatorGraph graph = builder.finish(builder.sum(squared, x));
  EXPECT_EQ(graph.maker(graph.input()), graph.nodes().size());
  EXPECT_THAT(graph.readers(graph.input()), ElementsAre(0));
  EXPECT_EQ(graph.maker(x), 0U);
  EXPECT_THAT(graph.readers(x), ElementsAre(1, 2));  // once for a node that reads it twice
  EXPECT_THAT(graph.readers(graph.output()), IsEmpty());
  const Node& in = graph.nodes()[0];
  EXPECT_EQ(graph.tensor(in, 0), nullptr);
  EXPECT_EQ(graph.tensor(in, 1)->role, ParameterRole::weight);
  EXPECT_EQ(graph.tensor(in, 2)->name, "in.bias");
  EXPECT_FALSE(graph.has_input(graph.nodes()[1], 2));
}

TEST(GraphBuilder, BlocksAreRunsOfNodes) {
  GraphBuilder builder;
  const ValueIndex x = builder.linear("in", builder.input({3}), 3);
  builder.begin_block("outer", x);
  const ValueIndex y = builder.relu("first", x);
  builder.begin_block("inner", y);
  const ValueIndex z = builder.end_block(builder.relu("second", y));
  const OperatorGraph graph = builder.finish(builder.end_block(builder.sum(z, x)));
  ASSERT_EQ(graph.blocks().size(), 2U);
  const Block& inner = graph.blocks()[0];
  const Block& outer = graph.blocks()[1];
  EXPECT_EQ(inner.name, "inner");
  EXPECT_EQ(inner.input, y);
  EXPECT_EQ(inner.output, z);
  EXPECT_EQ(inner.first, 2U);
  EXPECT_EQ(inner.end, 3U);
  EXPECT_EQ(outer.name, "outer");
  EXPECT_EQ(outer.input, x);
  EXPECT_EQ(outer.output, graph.output());
  EXPECT_EQ(outer.first, 1U);
  EXPECT_EQ(outer.end, 4U);
}

TEST(GraphBuilder, RefusesNamesThatAreTakenAndOperatorsThatAreNot) {
  const auto two_layers = [](GraphBuilder& graph) { graph.linear("a", graph.linear("a", graph.input({3}), 3), 3); };
  EXPECT_EQ(builder_error(ErrorKind::invalid_input, two_layers), "model: two tensors are called a.weight");
  const auto two_nodes = [](GraphBuilder& graph) { graph.relu("a", graph.relu("a", graph.input({3}))); };
  EXPECT_EQ(builder_error(ErrorKind::invalid_input, two_nodes), "model: two operators are called a");
  const auto unknown = [](GraphBuilder& graph) { graph.add("Fold", "a", {graph.input({3})}); };
  EXPECT_EQ(builder_error(ErrorKind::invalid_input, unknown), "model: there is no operator Fold");
}

TEST(GraphBuilder, ABlockWithoutAnEndIsABug) {
  const auto open = [](GraphBuilder& graph) {
    const ValueIndex x = graph.input({3});
    graph.begin_block("b", x);
    graph.finish(graph.relu("", x));
  };
  EXPECT_EQ(builder_error(ErrorKind::internal, open), "model: block b has no end");
}

TEST(GraphBuilder, AnAttributeOfAnotherKindIsABug) {
  const OperatorGraph graph = small_graph(1);
  const Node& conv = graph.nodes()[0];
  EXPECT_EQ(conv.integer("groups"), 1);
  EXPECT_THAT(conv.integers("strides"), ElementsAre(1, 1));
  EXPECT_THROW(conv.number("groups"), Error);
  EXPECT_THROW(conv.word("mode"), Error);
}

TEST(GraphBuilder, NumbersGoRoundNamesThatAreTaken) {
  GraphBuilder builder;
  const ValueIndex x = builder.relu("relu_1", builder.input({3}));
  const OperatorGraph graph = builder.finish(builder.relu("", builder.relu("", x)));
  EXPECT_EQ(graph.nodes()[1].name, "relu_2");
  EXPECT_EQ(graph.nodes()[2].name, "relu_3");
}

}  // namespace
}  // namespace espalier
