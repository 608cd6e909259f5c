#include <gtest/gtest.h>

#include "tests/experiments/operators/coupled_units.h"

// Attention in the forms in which networks write it: a head leaves from all of its layers at once.

namespace espalier {
namespace {

constexpr std::int64_t kTokens = 5;

ValueIndex parts_of(GraphBuilder& graph, ValueIndex x, const Sizes& sizes) {
  return graph.add("Reshape", "", {x}, {{"sizes", sizes}, {"batch", 0}});
}
ValueIndex turned(GraphBuilder& graph, ValueIndex x, const Sizes& permutation) {
  return graph.add("Transpose", "", {x}, {{"permutation", permutation}});
}

/// softmax(q k^T / 2) v of [N, heads, tokens, depth], as [N, tokens, heads depth].
ValueIndex plain_attention(GraphBuilder& graph, ValueIndex q, ValueIndex k, ValueIndex v) {
  ValueIndex match = graph.add("MatMul", "match", {q, turned(graph, k, {0, 1, 3, 2})});
  match = graph.add("MulNumber", "", {match}, {{"number", 0.5}});
  match = graph.add("Softmax", "share", {match}, {{"dim", -1}});
  const ValueIndex given = turned(graph, graph.add("MatMul", "given", {match, v}), {0, 2, 1, 3});
  const Dims dims = graph.dims(given);
  return parts_of(graph, given, {1, kTokens, dims[2].size * dims[3].size});
}

TEST(AttentionCoupling, AHeadLeavesFromQueriesKeysValuesAndOutputs) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({kTokens, 3}), 6);
  const CoupledUnits units(graph, graph.linear("out", graph.attention("a", x, 3), 2));
  EXPECT_EQ(units.with("a.v.weight", 2),
            "a.q.weight[2 3] a.q.bias[2 3] a.k.weight[2 3] a.k.bias[2 3] a.v.weight[2 3] a.v.bias[2 3] "
            "a.o.weight[:,2 3]");
  EXPECT_EQ(units.kept_by("a.v.weight", 2), "");
  EXPECT_TRUE(units.is_head("a.q.weight", 3));
  EXPECT_FALSE(units.is_head("a.o.weight", 3));
  // The width that all of them read is no head.
  EXPECT_EQ(units.with("in.weight", 4), "in.weight[4] in.bias[4] a.q.weight[:,4] a.k.weight[:,4] a.v.weight[:,4]");
}

TEST(AttentionCoupling, KeysAndValuesThatHeadsShareTakeAllOfTheirQueries) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({kTokens, 3});
  const ValueIndex q = graph.linear("q", x, 8, false), k = graph.linear("k", x, 4, false),
                   v = graph.linear("v", x, 6, false);
  const ValueIndex given =
      graph.add("Attention", "a", {q, k, v}, {{"heads", 4}, {"key_value_heads", 2}, {"causal", 0}, {"divisor", 2.0}});
  EXPECT_EQ(to_string(graph.dims(given)), "[N, 5, 12]");
  const CoupledUnits units(graph, graph.linear("out", given, 2));
  EXPECT_EQ(units.with("v.weight", 3), "q.weight[4 5 6 7] k.weight[2 3] v.weight[3 4 5] out.weight[:,6 7 8 9 10 11]");
  EXPECT_EQ(units.kept_by("v.weight", 3), "");
  EXPECT_TRUE(units.is_head("q.weight", 4));
}

TEST(AttentionCoupling, TokensThatAreNotAttendedInFullKeepAllHeads) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({kTokens, 4});
  const ValueIndex q = graph.linear("q", x, 4);
  const ValueIndex given =
      graph.add("Attention", "a", {q, x, x}, {{"heads", 2}, {"key_value_heads", 2}, {"causal", 0}, {"divisor", 1.0}});
  const CoupledUnits units(graph, graph.linear("out", given, 2));
  EXPECT_EQ(units.kept_by("q.weight", 1), "a");  // its keys are the network's input
}

TEST(AttentionCoupling, ProductsOfSeparateLayersAreHeads) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({kTokens, 3});
  const auto heads = [&](const char* layer) {
    const ValueIndex parts = parts_of(graph, graph.linear(layer, x, 6, false), {1, kTokens, 2, 3});
    return turned(graph, parts, {0, 2, 1, 3});
  };
  const ValueIndex q = heads("q"), k = heads("k"), v = heads("v");
  const CoupledUnits units(graph, graph.linear("out", plain_attention(graph, q, k, v), 2));
  EXPECT_EQ(units.with("k.weight", 4), "q.weight[3 4 5] k.weight[3 4 5] v.weight[3 4 5] out.weight[:,3 4 5]");
  EXPECT_EQ(units.kept_by("k.weight", 4), "");
  EXPECT_TRUE(units.is_head("k.weight", 4));
}

/// [N, tokens, 3, heads, depth] -> [3, N, heads, tokens, depth], which is then cut: the form of most Vision
/// Transformers.
TEST(AttentionCoupling, OneLayerForQueriesKeysAndValuesLosesThreeRunsOfRows) {
  GraphBuilder graph;
  ValueIndex x = graph.linear("qkv", graph.input({kTokens, 3}), 3 * 2 * 4);
  x = turned(graph, parts_of(graph, x, {1, kTokens, 3, 2, 4}), {2, 0, 3, 1, 4});
  const auto part = [&](std::int64_t index) {
    const ValueIndex one = graph.add("Slice", "", {x}, {{"dim", 0}, {"start", index}, {"end", index + 1}, {"step", 1}});
    return parts_of(graph, one, {1, 2, kTokens, 4});
  };
  const ValueIndex q = part(0), k = part(1), v = part(2);
  const CoupledUnits units(graph, graph.linear("out", plain_attention(graph, q, k, v), 2));
  EXPECT_EQ(units.with("qkv.weight", 5),
            "qkv.weight[4 5 6 7 12 13 14 15 20 21 22 23] qkv.bias[4 5 6 7 12 13 14 15 20 21 22 23] "
            "out.weight[:,4 5 6 7]");
  EXPECT_EQ(units.kept_by("qkv.weight", 5), "");
  EXPECT_TRUE(units.is_head("qkv.weight", 5));
}

/// [N, tokens, heads, 3 depth], cut along the last dimension.
TEST(AttentionCoupling, HeadsThatHoldTheirQueriesKeysAndValuesAreRunsOfRows) {
  GraphBuilder graph;
  ValueIndex x = graph.linear("qkv", graph.input({kTokens, 3}), 2 * 6, false);
  x = turned(graph, parts_of(graph, x, {1, kTokens, 2, 6}), {0, 2, 1, 3});
  const auto part = [&](std::int64_t index) {
    return graph.add("Slice", "", {x}, {{"dim", 3}, {"start", 2 * index}, {"end", 2 * index + 2}, {"step", 1}});
  };
  const ValueIndex q = part(0), k = part(1), v = part(2);
  const CoupledUnits units(graph, graph.linear("out", plain_attention(graph, q, k, v), 2));
  EXPECT_EQ(units.with("qkv.weight", 8), "qkv.weight[6 7 8 9 10 11] out.weight[:,2 3]");
  EXPECT_EQ(units.kept_by("qkv.weight", 8), "");
  EXPECT_TRUE(units.is_head("qkv.weight", 8));
}

/// Queries are turned by their places: halves of each head change sides.
TEST(AttentionCoupling, HeadsWhoseHalvesAreCutAndJoinedStayApart) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({kTokens, 3});
  const auto heads = [&](const char* layer) {
    return turned(graph, parts_of(graph, graph.linear(layer, x, 8, false), {1, kTokens, 2, 4}), {0, 2, 1, 3});
  };
  const ValueIndex q = heads("q"), k = heads("k"), v = heads("v");
  const auto half = [&](std::int64_t start) {
    return graph.add("Slice", "", {q}, {{"dim", 3}, {"start", start}, {"end", start + 2}, {"step", 1}});
  };
  const ValueIndex first = half(0), second = half(2);
  const ValueIndex other = graph.add("Concat", "", {graph.add("Neg", "", {second}), first}, {{"dim", 3}});
  const ValueIndex cos = graph.buffer("cos", {kTokens, 4}, 1), sin = graph.buffer("sin", {kTokens, 4}, 0);
  const ValueIndex both = graph.add("Add", "", {graph.add("Mul", "", {q, cos}), graph.add("Mul", "", {other, sin})});
  const CoupledUnits units(graph, graph.linear("out", plain_attention(graph, both, k, v), 2));
  EXPECT_EQ(units.with("k.weight", 5), "q.weight[4 5 6 7] k.weight[4 5 6 7] v.weight[4 5 6 7] out.weight[:,4 5 6 7]");
  EXPECT_EQ(units.kept_by("k.weight", 5), "");
}

TEST(AttentionCoupling, WhatIsAddedToTheMatchesOfAHeadLeavesWithIt) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({kTokens, 3});
  const ValueIndex q = graph.linear("q", x, 8, false), k = graph.linear("k", x, 4, false),
                   v = graph.linear("v", x, 4, false);
  const ValueIndex table = graph.parameter("table", {4, kTokens, kTokens}, ParameterRole::other);
  const ValueIndex given = graph.add("Attention", "a", {q, k, v, table},
                                     {{"heads", 4}, {"key_value_heads", 2}, {"causal", 0}, {"divisor", 2.0}});
  const CoupledUnits units(graph, graph.linear("out", given, 2));
  EXPECT_EQ(units.with("v.weight", 2),
            "q.weight[4 5 6 7] k.weight[2 3] v.weight[2 3] table[2 3] out.weight[:,4 5 6 7]");
  EXPECT_EQ(units.kept_by("v.weight", 2), "");
}

TEST(AttentionCoupling, SharesStayAsTheyAre) {
  GraphBuilder graph;
  const ValueIndex x = graph.linear("in", graph.input({5}), 4);
  const CoupledUnits units(graph, graph.linear("out", graph.add("Softmax", "share", {x}, {{"dim", -1}}), 2));
  EXPECT_EQ(units.kept_by("in.weight", 1), "share");
}

}  // namespace
}  // namespace espalier
