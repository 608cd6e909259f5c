#include "experiments/operators/rebuilt_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/operators/graph_builder.h"

namespace espalier {
namespace {

/// Two branches of one convolution, and their sum.
OperatorGraph branches() {
  GraphBuilder graph;
  const ValueIndex x = graph.conv2d("conv", graph.input({2, 5, 5}), {4, 3, 1, 1});
  const ValueIndex left = graph.relu("left", graph.conv2d("one", x, {4, 3, 1, 1}));
  const ValueIndex right = graph.batch_norm("right", x);
  return graph.finish(graph.linear("fc", graph.global_average_pool(graph.sum(left, right)), 3));
}

TEST(RebuiltGraph, WhatLeadsToANodeIsAGraphOfItsOwn) {
  const OperatorGraph graph = branches();
  GraphBuilder expected;
  expected.batch_norm("right", expected.conv2d("conv", expected.input({2, 5, 5}), {4, 3, 1, 1}));
  const OperatorGraph whole = expected.finish(expected.graph().values().size() - 1);
  std::size_t right = 0;
  while (graph.nodes()[right].name != "right") ++right;
  EXPECT_EQ(leading_to(graph, right).text(), whole.text());
  EXPECT_EQ(leading_to(graph, graph.nodes().size() - 1).text(), graph.text());
}

TEST(RebuiltGraph, NamesOfTensorsChangeAlone) {
  const OperatorGraph renamed_graph = renamed(branches(), {{"one.weight", "body.0.w"}});
  EXPECT_THAT(renamed_graph.text(), testing::HasSubstr("one = Conv(conv, body.0.w, one.bias)"));
}

}  // namespace
}  // namespace espalier
