#include "worker/imports/removal_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"
#include "worker/network/initialization.h"

// Half of all channels and heads leave, and the smaller network gives what the masked one gives.

namespace espalier {
namespace {

Network drawn_for_proof(const ModelDescription& model) {
  Network network(model, at::kCPU);
  InitSpec init;
  init.scheme = "kaiming_normal";
  init.stream = "init";
  initialize(network, init, 1);
  return network;
}

std::vector<std::string> unproven(const ModelDescription& model) {
  return unproven_scopes(drawn_for_proof(model));
}

TEST(RemovalProof, SeesAPartThatAMaskForgets) {
  const ModelDescription model = built_model("net", {3, 8, 8}, 5, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {6, 3, 1, 1})));
    return graph.linear("fc", graph.flatten(x), 5);
  });
  const Network network = drawn_for_proof(model);
  KeptUnits half{channel_scopes(*model.graph).at(0), {.kind = Granularity::Kind::channel}, {1, 0, 1, 0, 0, 1}};
  EXPECT_LT(removal_difference(network, {half}), 1e-12);
  std::erase_if(half.scope.members, [](const ScopeMember& member) { return member.layer == "bn"; });
  EXPECT_GT(removal_difference(network, {half}), 1e-3);
}

class Catalog : public testing::TestWithParam<const char*> {};
TEST_P(Catalog, UnitsLeaveAsMasksSay) {
  EXPECT_THAT(unproven(describe_model({GetParam(), {3, 32, 32}, 10})), testing::IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Models, Catalog,
                         testing::Values("lenet-5", "mlp-20-30", "conv-2", "resnet-20", "transformer-2x16x4"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

using Build = ValueIndex (*)(GraphBuilder& graph, ValueIndex x);

void expect_proven(Build build) {
  EXPECT_THAT(unproven(built_model("net", {3, 8, 8}, 5,
                                   [&](GraphBuilder& graph, ValueIndex x) {
                                     x = build(graph, x);
                                     return graph.linear("fc", graph.flatten(x), 5);
                                   })),
              testing::IsEmpty());
}

TEST(RemovalProof, ValuesSideBySideTheirPartsAndTheirOrder) {
  expect_proven([](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex a = graph.conv2d("a", x, {6, 3, 1, 1}), b = graph.conv2d("b", x, {4, 1});
    x = graph.add("Concat", "", {a, b}, {{"dim", std::int64_t{1}}});
    x = graph.add("Gather", "", {x},
                  {{"dim", std::int64_t{1}}, {"indices", std::vector<std::int64_t>{9, 0, 4, 2, 7, 5, 1, 3, 8, 6}}});
    return graph.add(
        "Slice", "", {x},
        {{"dim", std::int64_t{1}}, {"start", std::int64_t{2}}, {"end", std::int64_t{8}}, {"step", std::int64_t{1}}});
  });
}

TEST(RemovalProof, DepthwiseAndGroupedConvolutions) {
  expect_proven([](GraphBuilder& graph, ValueIndex x) {
    x = graph.batch_norm("bn", graph.conv2d("wide", x, {8, 1}));
    x = graph.conv2d("dw", x, {8, 3, 1, 1, true, 8});
    return graph.conv2d("grouped", graph.relu("relu", x), {12, 3, 1, 1, true, 4});
  });
}

TEST(RemovalProof, GatesThatAreNotZeroWithoutTheirChannels) {
  expect_proven([](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv", x, {6, 3, 1, 1});
    ValueIndex gate =
        graph.add("ReduceMean", "", {x}, {{"dims", std::vector<std::int64_t>{2, 3}}, {"keep_dims", std::int64_t{1}}});
    gate = graph.relu("relu", graph.conv2d("squeeze", gate, {4, 1}));
    gate = graph.add("Sigmoid", "", {graph.conv2d("excite", gate, {6, 1})});
    return graph.add("Sigmoid", "", {graph.add("Mul", "", {x, gate})});
  });
}

TEST(RemovalProof, GroupNormsAndFunctionsThatAreNotZeroAtZero) {
  expect_proven([](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv", x, {8, 3, 1, 1});
    const ValueIndex scale = graph.parameter("norm.weight", {8}, ParameterRole::scale),
                     shift = graph.parameter("norm.bias", {8}, ParameterRole::bias);
    x = graph.add("GroupNorm", "norm", {x, scale, shift}, {{"groups", std::int64_t{4}}, {"epsilon", 1e-5}});
    x = graph.add("Exp", "", {graph.add("MulNumber", "", {x}, {{"number", 0.1}})});
    return graph.conv2d("reads", x, {4, 3, 1, 1});
  });
}

}  // namespace
}  // namespace espalier
