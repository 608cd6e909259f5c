#include "experiments/pruning/coupled_scopes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using Part = ScopeMember::Part;

const ScopeMember& member(const PruneScope& scope, const std::string& layer, Part part) {
  for (const ScopeMember& one : scope.members)
    if (one.layer == layer && one.part == part) return one;
  throw std::out_of_range(layer);
}

std::vector<std::string> names(const std::vector<PruneScope>& scopes) {
  std::vector<std::string> all;
  for (const PruneScope& scope : scopes) all.push_back(scope.name + " " + std::to_string(scope.units));
  return all;
}

TEST(CoupledScopes, WhatIsJoinedSideBySideKeepsItsPlaceInWhatReadsIt) {
  const ModelDescription model = built_model("dense", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex a = graph.conv2d("a", x, {2, 1}), b = graph.conv2d("b", a, {3, 1});
    x = graph.add("Concat", "", {a, b}, {{"dim", std::int64_t{1}}});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
  ASSERT_THAT(names(scopes), ElementsAre("a 2", "b 3"));
  EXPECT_THAT(member(scopes[0], "b", Part::inputs).unit_of, ElementsAre());
  EXPECT_THAT(member(scopes[0], "fc", Part::inputs).unit_of, ElementsAre(0, 1, -1, -1, -1));
  EXPECT_THAT(member(scopes[1], "fc", Part::inputs).unit_of, ElementsAre(-1, -1, 0, 1, 2));
}

TEST(CoupledScopes, ChannelsOfTheSamePlaceInTheGroupsOfAConvolutionGoTogether) {
  const ModelDescription model = built_model("grouped", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("wide", x, {6, 1});
    x = graph.conv2d("grouped", x, {4, 3, 1, 1, true, 2});
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
  const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
  ASSERT_THAT(names(scopes), ElementsAre("wide 3", "grouped 2"));
  EXPECT_THAT(member(scopes[0], "wide", Part::outputs).unit_of, ElementsAre(0, 1, 2, 0, 1, 2));
  const ScopeMember& reads = member(scopes[0], "grouped", Part::grouped_inputs);
  EXPECT_EQ(reads.groups, 2);
  EXPECT_THAT(reads.unit_of, ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_FALSE(reads.goes);
}

TEST(CoupledScopes, WhatReadsANumberThatIsNotZeroGoesToo) {
  for (const auto& [function, goes] : {std::pair("Relu", false), std::pair("Sigmoid", true)}) {
    const ModelDescription model = built_model("f", {1, 4, 4}, 2, [&](GraphBuilder& graph, ValueIndex x) {
      x = graph.add(function, "", {graph.conv2d("conv", x, {3, 1})});
      return graph.linear("fc", graph.global_average_pool(x), 2);
    });
    const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
    ASSERT_EQ(scopes.size(), 1U) << function;
    EXPECT_EQ(member(scopes[0], "fc", Part::inputs).goes, goes) << function;
  }
}

TEST(CoupledScopes, SaysWhyALayerIsLeftAlone) {
  const ModelDescription model = built_model("alone", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("free", x, {3, 1});
    x = graph.conv2d("compared", x, {3, 1});
    x = graph.add("Softmax", "softmax", {x}, {{"dim", std::int64_t{1}}});
    x = graph.conv2d("gate", x, {1, 1});
    return graph.linear("fc", graph.flatten(x), 2);
  });
  std::vector<std::string> said;
  for (const LeftAlone& one : left_alone(*model.graph)) said.push_back(one.layer + ": " + one.reason);
  EXPECT_THAT(said, ElementsAre("compared: softmax (Softmax) needs them all", "gate: it has one output",
                                "fc: its outputs are the network's"));
}

}  // namespace
}  // namespace espalier
