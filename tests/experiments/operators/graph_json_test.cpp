#include "experiments/operators/graph_json.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/model_description.h"
#include "experiments/operators/graph_builder.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

Json small_graph() {
  GraphBuilder graph;
  const ValueIndex x = graph.input({3, 4, 4});
  const ValueIndex y = graph.batch_norm("bn", graph.conv2d("conv", x, {5, 3}));
  const ValueIndex z =
      graph.add("Clip", "clip", {y}, {{"min", -std::numeric_limits<double>::infinity()}, {"max", 6.0}});
  return to_json(graph.finish(graph.linear("fc", graph.flatten(z), 2)));
}

TEST(GraphJson, EveryModelOfTheCatalogComesBackAsItWas) {
  for (const ModelEntry& entry : list_models()) {
    const std::string name = std::string(entry.name) + std::string(entry.sizes);
    const ModelDescription model = describe_model({name, entry.images, 10});
    const Json json = Json::parse(to_json(*model.graph).dump());
    const OperatorGraph back = graph_from_json(json);
    EXPECT_EQ(back.text(), model.graph->text()) << name;
    EXPECT_EQ(to_json(back), json) << name;
    EXPECT_EQ(back.blocks().size(), model.graph->blocks().size()) << name;
  }
}

TEST(GraphJson, BoundsWithoutEndAndWholeNumbersKeepTheirKind) {
  const OperatorGraph back = graph_from_json(Json::parse(small_graph().dump()));
  const Node& clip = back.nodes()[2];
  EXPECT_EQ(clip.number("min"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(clip.number("max"), 6.0);
  EXPECT_EQ(back.nodes()[0].integer("groups"), 1);
}

/// The message with which a graph is refused; "" if it is not.
std::string refusal(const Json& json) {
  try {
    graph_from_json(json);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
}

TEST(GraphJson, WhatIsNoGraphIsRefused) {
  using testing::HasSubstr;
  ASSERT_EQ(refusal(small_graph()), "");
  const auto with = [](const char* pointer, const Json& value) {
    Json json = small_graph();
    json[Json::json_pointer(pointer)] = value;
    return refusal(json);
  };
  EXPECT_THAT(refusal(Json::array()), HasSubstr("is not written as one"));
  EXPECT_THAT(with("/nodes/0/op", "Roll"), HasSubstr("there is no operator Roll"));
  EXPECT_THAT(with("/nodes/0/inputs/0", "fc"), HasSubstr("reads fc, which nothing before it makes"));
  EXPECT_THAT(with("/nodes/0/inputs", Json::array()), HasSubstr("without input"));
  EXPECT_THAT(with("/nodes/0/attributes/strides", {0, 1}), HasSubstr("conv has a window of no size"));
  EXPECT_THAT(with("/nodes/0/attributes/strides", Json::array()), HasSubstr("fewer attributes than dimensions"));
  EXPECT_THAT(with("/nodes/0/attributes/dilations", {1LL << 60, 1}), HasSubstr("has an attribute of"));
  EXPECT_THAT(with("/nodes/0/attributes/groups", "one"), HasSubstr("contradicts itself"));
  EXPECT_THAT(with("/parameters/0/sizes", {1LL << 60, 1LL << 60, 3, 3}), HasSubstr("a dimension of"));
  EXPECT_THAT(with("/parameters/0/role", "shadow"), HasSubstr("shadow"));
  EXPECT_THAT(with("/parameters/1/name", "conv.weight"), HasSubstr("two tensors are called conv.weight"));
  EXPECT_THAT(with("/input/sizes", {2, 4, 4}), HasSubstr("conv takes 3 inputs, but gets 2"));
  EXPECT_THAT(with("/output", "nowhere"), HasSubstr("reads nowhere"));
}

}  // namespace
}  // namespace espalier
