#include "experiments/pruning/constant_units.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;

/// "UNIT" of scopes that lost weights, with what is in the way: "conv 1: ...".
std::vector<std::string> emptied(const ModelDescription& model,
                                 const std::set<std::pair<std::string, std::int64_t>>& outputs) {
  std::vector<std::string> texts;
  for (const ConstantUnits& one : constant_units(*model.graph, [&](const std::string&layer, std::int64_t output) {
         return outputs.contains({layer, output});
       })) {
    for (std::size_t unit = 0; unit < one.emptied.size(); ++unit)
      if (one.emptied[unit]) texts.push_back(one.scope.name + " " + std::to_string(unit) + ": " + one.obstacle[unit]);
  }
  return texts;
}

TEST(ConstantUnits, AResidualSumNeedsBothSides) {
  const ModelDescription model = built_model("sum", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("stem", x, {3, 1});
    ValueIndex body = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("first", x, {4, 3, 1, 1})));
    body = graph.conv2d("second", body, {3, 3, 1, 1});
    return graph.linear("fc", graph.global_average_pool(graph.sum(body, x)), 2);
  });
  EXPECT_THAT(emptied(model, {{"stem", 0}, {"second", 1}, {"stem", 2}, {"second", 2}, {"first", 3}}),
              ElementsAre("stem 0: second still has weights there", "stem 1: stem still has weights there",
                          "stem 2: ", "first 3: "));
}

TEST(ConstantUnits, AProductWithWhatExamplesChangeIsNoConstant) {
  const ModelDescription model = built_model("gate", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex gate = graph.add("Sigmoid", "gate", {graph.conv2d("look", x, {1, 3, 1, 1})});
    x = graph.add("Mul", "gated", {graph.conv2d("conv", x, {3, 1}), gate});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  EXPECT_THAT(emptied(model, {{"conv", 1}}), ElementsAre("conv 1: gated (Mul) joins that with what examples change"));
}

TEST(ConstantUnits, AGateOfItsOwnCanBeConstantToo) {
  const ModelDescription model = built_model("squeeze", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv", x, {3, 1});
    const ValueIndex pooled =
        graph.add("ReduceMean", "", {x}, {{"dims", std::vector<std::int64_t>{2, 3}}, {"keep_dims", std::int64_t{1}}});
    const ValueIndex few = graph.relu("relu", graph.conv2d("squeeze", pooled, {2, 1}));
    x = graph.add("Mul", "gated", {x, graph.add("Sigmoid", "gate", {graph.conv2d("excite", few, {3, 1})})});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  EXPECT_THAT(emptied(model, {{"conv", 0}, {"excite", 0}, {"conv", 1}}),
              ElementsAre("conv 0: ", "conv 1: excite still has weights there"));
}

TEST(ConstantUnits, WhatLiesSideBySideIsNotMixed) {
  const ModelDescription model = built_model("dense", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex a = graph.conv2d("a", x, {2, 1}), b = graph.conv2d("b", a, {3, 1});
    x = graph.add("Concat", "", {a, b}, {{"dim", std::int64_t{1}}});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  EXPECT_THAT(emptied(model, {{"a", 1}, {"b", 0}}), ElementsAre("a 1: ", "b 0: "));
}

TEST(ConstantUnits, OfAHeadTheValuesDecide) {
  const ModelDescription model = built_model("attention", {1, 4, 6}, 2, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.mean_tokens(graph.attention("attn", graph.rows(x), 3)), 2);
  });
  // Heads are two rows each.
  EXPECT_THAT(emptied(model, {{"attn.v", 0}, {"attn.v", 1}, {"attn.q", 2}, {"attn.q", 3}, {"attn.v", 4}}),
              ElementsAre("attn 0: ", "attn 1: attn.v still has weights there"));
}

TEST(ConstantUnits, ASharedBiasHoldsNothing) {
  const ModelDescription model = built_model("shared", {1, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex bias = graph.parameter("bias", {3}, ParameterRole::bias);
    x = graph.global_average_pool(graph.conv2d("conv", x, {4, 1}));
    const ValueIndex a =
        graph.add("Linear", "a", {x, graph.parameter("a.weight", {3, 4}, ParameterRole::weight), bias});
    const ValueIndex b =
        graph.add("Linear", "b", {x, graph.parameter("b.weight", {3, 4}, ParameterRole::weight), bias});
    return graph.sum(a, b);
  });
  EXPECT_THAT(emptied(model, {{"conv", 2}}), ElementsAre("conv 2: the bias of a is not its own"));
}

}  // namespace
}  // namespace espalier
