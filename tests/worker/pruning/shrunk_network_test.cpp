#include "worker/pruning/shrunk_network.h"

#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/pruning/shrunk_comparison.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

ModelDescription two_layers() {
  return built_model("two", {1, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

TEST(ShrunkNetwork, BlocksThatNobodyMarkedLeaveToo) {
  const ModelDescription model = built_model("unmarked", {1, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    for (const std::string block : {"one", "two"}) {
      ValueIndex body = graph.batch_norm(block + ".bn1", graph.conv2d(block + ".conv1", x, {4, 3, 1, 1}));
      body = graph.conv2d(block + ".conv2", graph.relu(block + ".relu", body), {4, 3, 1, 1});
      x = graph.relu(block + ".out", graph.sum(graph.batch_norm(block + ".bn2", body), x));
    }
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
  Network network = drawn_network(model, at::kDouble);
  const PruneScope blocks = block_scopes(*model.graph).at(0);
  NamedTensors masks = network.masks();
  mask_units(blocks, {.kind = Kind::layer}, network, std::vector<std::uint8_t>{0, 1}, false, masks);
  network.set_masks(masks);
  expect_equal_when_shrunk(network, 1e-10, 1e-10);
  const auto shrunk = ShrunkNetwork::of(network);
  EXPECT_EQ(shrunk->network().prunable().size(), 4U);  // of six layers
}

TEST(ShrunkNetwork, TensorsGoAndComeBack) {
  Network network = drawn_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  mask_units(channel_scopes(*network.description().graph)[0], {.kind = Kind::channel}, network,
             std::vector<std::uint8_t>{1, 0, 1, 1}, false, masks);
  network.set_masks(masks);
  const auto shrunk = ShrunkNetwork::of(network);
  ASSERT_TRUE(shrunk);
  NamedTensors tensors = network.weights();
  tensors.emplace_back("conv.weight.mask", tensor_like(masks, "conv.weight", masks[0].second));
  tensors.emplace_back("optimizer.velocity", at::arange(network.parameters().numel(), at::kFloat).add(1));
  tensors.emplace_back("optimizer.steps", at::full({1}, 5, at::kLong));
  const NamedTensors left = shrunk->gathered(tensors);
  const auto called = [](const NamedTensors& from, const std::string& name) {
    return std::ranges::find(from, name, [](const auto& named) { return named.first; })->second;
  };
  EXPECT_EQ(called(left, "conv.weight").size(0), 3);
  EXPECT_EQ(called(left, "conv.weight.mask").size(0), 3);
  EXPECT_EQ(called(left, "fc.weight").size(1), 3);
  EXPECT_EQ(called(left, "bn.running_var").size(0), 3);
  EXPECT_EQ(called(left, "optimizer.velocity").numel(), shrunk->network().parameters().numel());
  const NamedTensors back = shrunk->scattered(left, shrunk->buffers_among(network.weights()));
  for (const auto& [name, tensor] : network.weights()) {
    at::Tensor expected = tensor.clone();
    if (name == "fc.weight") expected.select(1, 1).zero_();  // read zeros, and was not masked
    EXPECT_TRUE(at::equal(called(back, name), expected)) << name;
  }
  // Nothing of a velocity comes from what left: conv's second filter is the elements 9 .. 17.
  const at::Tensor velocity = called(back, "optimizer.velocity");
  EXPECT_TRUE(at::equal(velocity.narrow(0, 9, 9), at::zeros({9})));
  EXPECT_EQ(velocity[0].item<float>(), 1);
  EXPECT_EQ(velocity[18].item<float>(), 19);
  EXPECT_EQ(called(back, "optimizer.steps").item<std::int64_t>(), 5);
}

TEST(ShrunkNetwork, NothingLeavesThatStillSendsSomethingOn) {
  Network network = drawn_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  EXPECT_FALSE(ShrunkNetwork::of(network)) << "no masks";
  for (auto& [name, mask] : masks)
    if (name == "conv.weight") mask[1].zero_();  // as granularity filter does: its norm's shift stays
  network.set_masks(masks);
  EXPECT_FALSE(ShrunkNetwork::of(network));
}

TEST(ShrunkNetwork, OneUnitOfAnEmptyScopeStaysUnderItsMask) {
  Network network = drawn_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  mask_units(channel_scopes(*network.description().graph)[0], {.kind = Kind::channel}, network,
             std::vector<std::uint8_t>{0, 0, 0, 0}, false, masks);
  network.set_masks(masks);
  const auto shrunk = ShrunkNetwork::of(network);
  ASSERT_TRUE(shrunk);
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(network.weights()));
  EXPECT_EQ(small.prunable()[0].weight.size(0), 1);
  EXPECT_EQ(small.prunable()[0].mask.sum().item<float>(), 0);
  EXPECT_LE(require_equal_outputs(network, small, random_examples(network.description(), at::kFloat)), 1e-6);
}

TEST(ShrunkNetwork, OtherOutputsAreAnErrorThatNamesTheLayer) {
  Network network = drawn_network(two_layers(), at::kFloat);
  remove_units_at_random(network, Kind::channel, 0.5, 3);
  const auto shrunk = ShrunkNetwork::of(network);
  Network small = shrunk->network();
  NamedTensors weights = shrunk->gathered(network.weights());
  for (auto& [name, tensor] : weights)
    if (name == "bn.bias") tensor = tensor.add(1);
  small.set_weights(weights);
  try {
    require_equal_outputs(network, small, random_examples(network.description(), at::kFloat));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("compute: masked"), std::string::npos);
  }
}

}  // namespace
}  // namespace espalier
