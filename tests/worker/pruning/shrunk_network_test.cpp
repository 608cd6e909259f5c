#include "worker/pruning/shrunk_network.h"

#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/network_size.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/layers/compute_meter.h"
#include "worker/network/initialization.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 2;

Network whole_network(const ModelDescription& model, c10::ScalarType type) {
  Network network(model, kCpu, type);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  NamedTensors weights = network.weights();
  RandomStream random(5, "disturbance");
  for (auto& [name, tensor] : weights)  // biases and shifts are zero at first, and would not be missed
    if (tensor.dim() == 1) tensor = tensor.add(0.1 + 0.1 * random.uniform());
  network.set_weights(weights);
  return network;
}

/// Each unit leaves with the same probability, but one of a scope stays.
void mask_at_random(Network& network, Granularity::Kind kind, double fraction, std::uint64_t seed) {
  const Granularity granularity{.kind = kind};
  NamedTensors masks = network.masks();
  RandomStream random(seed, "units");
  for (const PruneScope& scope : prune_scopes(network.description(), granularity, {})) {
    std::vector<std::uint8_t> kept;
    for (std::int64_t i = 0; i < scope.units; ++i) kept.push_back(random.uniform() < fraction ? 0 : 1);
    kept[random.below(kept.size())] = kind == Granularity::Kind::layer ? 0 : 1;
    mask_units(scope, granularity, network, kept, false, masks);
  }
  network.set_masks(masks);
}

/// A part of the weights besides.
void mask_weights_at_random(Network& network, double fraction) {
  NamedTensors masks = network.masks();
  at::manual_seed(11);
  for (auto& [name, mask] : masks) mask = mask.mul(at::rand(mask.sizes()).ge(fraction).to(at::kByte));
  network.set_masks(masks);
}

at::Tensor some_examples(const ModelDescription& model, c10::ScalarType type) {
  at::manual_seed(7);
  return at::randn({kExamples, model.input[0], model.input[1], model.input[2]}, type);
}

double relative_difference(const at::Tensor& a, const at::Tensor& b, double least_scale = 1e-12) {
  const double scale = std::max({a.abs().max().item<double>(), b.abs().max().item<double>(), least_scale});
  return a.sub(b).abs().max().item<double>() / scale;
}

/// What results say of its size is what its tensors are.
void expect_size(const Network& whole, Network& small, const at::Tensor& examples) {
  const TensorFile masks = to_file(whole.masks(), {});
  const auto size = size_under(whole.description(), masks.content.tensors);
  ASSERT_TRUE(size.has_value());
  EXPECT_EQ(size->parameters, small.parameters().numel());
  ComputeMeter meter;
  Pass pass;
  pass.meter = &meter;
  small.forward(examples, pass);
  EXPECT_EQ(size->madds * kExamples, meter.total().done);
  NamedTensors tensors;  // in the graph's order
  const NamedTensors weights = small.weights();
  for (const Value& value : small.description().graph->values()) {
    for (const auto& [name, tensor] : weights)
      if (name == value.name) tensors.emplace_back(name, tensor.to(at::kFloat));
  }
  EXPECT_EQ(size->file_bytes, std::ssize(to_safetensors(to_file(tensors, {}).content)));
}

/// The smaller network beside the masked one: outputs in both modes, loss, gradients, running statistics, counts.
void expect_equal(Network& whole, double tolerance) {
  const c10::ScalarType type = whole.parameters().scalar_type();
  const auto shrunk = ShrunkNetwork::of(whole);
  ASSERT_TRUE(shrunk.has_value());
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(whole.weights()));
  EXPECT_LT(small.parameters().numel(), whole.parameters().numel());
  const at::Tensor examples = some_examples(whole.description(), type);
  const at::Tensor labels = at::zeros({kExamples}, at::kLong);
  EXPECT_LE(require_equal_outputs(whole, small, examples), tolerance);
  expect_size(whole, small, examples);
  const double loss = whole.loss_and_gradients(examples, labels, Mode::train).item<double>();
  EXPECT_NEAR(small.loss_and_gradients(examples, labels, Mode::train).item<double>(), loss, tolerance * std::abs(loss));
  // Gradients of what was kept. Those of a bias before a batch norm are zero but for rounding.
  const double rounding = 1e-6 * whole.gradients().abs().max().item<double>();
  NamedTensors gradients;
  for (const Parameter& parameter : whole.named()) gradients.emplace_back(parameter.name, parameter.gradient);
  const NamedTensors left = shrunk->gathered(gradients);
  for (const Parameter& parameter : small.named()) {
    const at::Tensor& expected = tensor_like(left, parameter.name, parameter.gradient);
    EXPECT_LE(relative_difference(parameter.gradient.mul(parameter.mask), expected.mul(parameter.mask), rounding),
              tolerance * 100)
        << parameter.name;
  }
  const NamedTensors statistics = shrunk->gathered(whole.weights());
  for (const Buffer& buffer : small.buffers())
    EXPECT_LE(relative_difference(buffer.tensor.to(type), tensor_like(statistics, buffer.name, buffer.tensor).to(type)),
              tolerance * 10)
        << buffer.name;
}

struct Sample {
  Granularity::Kind kind;
  double fraction;
};

class EveryModelShrunk : public testing::TestWithParam<std::string> {};

TEST_P(EveryModelShrunk, ComputesWhatTheMaskedOneDoes) {
  const ModelEntry& entry = find_model(GetParam());
  const std::string name = std::string(entry.name) + std::string(entry.sizes);
  const ModelDescription model = describe_model({name, entry.images, 10});
  std::uint64_t seed = 1;
  for (const Granularity::Kind kind : {Granularity::Kind::channel, Granularity::Kind::head, Granularity::Kind::layer}) {
    if (kind == Granularity::Kind::head && head_scopes(*model.graph).empty()) continue;
    if (kind == Granularity::Kind::layer && block_scopes(*model.graph).empty()) continue;
    RandomStream random(seed++, GetParam());
    std::vector<double> fractions{0.5 + 0.4 * random.uniform(), 0.1 + 0.4 * random.uniform()};
    constexpr std::size_t kDeep = 60;  // operators: deeper ones of a family are tried once
    if (model.graph->nodes().size() > kDeep) fractions.pop_back();
    for (const double fraction : fractions) {
      SCOPED_TRACE(std::to_string(static_cast<int>(kind)) + " " + std::to_string(fraction));
      Network network = whole_network(model, at::kDouble);
      mask_at_random(network, kind, fraction, seed++);
      if (fraction > 0.5) mask_weights_at_random(network, 0.3);
      expect_equal(network, 1e-10);
    }
  }
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ModelEntry& entry : list_models()) names.emplace_back(entry.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryModelShrunk, testing::ValuesIn(model_names()), [](const auto& one) {
  std::string name = one.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

ModelDescription two_layers() {
  return built_model("two", {1, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

TEST(ShrunkNetwork, SinglePrecisionIsEqualToItsRounding) {
  Network network = whole_network(two_layers(), at::kFloat);
  mask_at_random(network, Granularity::Kind::channel, 0.5, 3);
  expect_equal(network, 1e-5);
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
  Network network = whole_network(model, at::kDouble);
  const PruneScope blocks = block_scopes(*model.graph).at(0);
  NamedTensors masks = network.masks();
  mask_units(blocks, {.kind = Granularity::Kind::layer}, network, std::vector<std::uint8_t>{0, 1}, false, masks);
  network.set_masks(masks);
  expect_equal(network, 1e-10);
  const auto shrunk = ShrunkNetwork::of(network);
  EXPECT_EQ(shrunk->network().prunable().size(), 4U);  // of six layers
}

TEST(ShrunkNetwork, TensorsGoAndComeBack) {
  Network network = whole_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  mask_units(channel_scopes(*network.description().graph)[0], {.kind = Granularity::Kind::channel}, network,
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
  Network network = whole_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  EXPECT_FALSE(ShrunkNetwork::of(network)) << "no masks";
  for (auto& [name, mask] : masks)
    if (name == "conv.weight") mask[1].zero_();  // as granularity filter does: its norm's shift stays
  network.set_masks(masks);
  EXPECT_FALSE(ShrunkNetwork::of(network));
}

TEST(ShrunkNetwork, OneUnitOfAnEmptyScopeStaysUnderItsMask) {
  Network network = whole_network(two_layers(), at::kFloat);
  NamedTensors masks = network.masks();
  mask_units(channel_scopes(*network.description().graph)[0], {.kind = Granularity::Kind::channel}, network,
             std::vector<std::uint8_t>{0, 0, 0, 0}, false, masks);
  network.set_masks(masks);
  const auto shrunk = ShrunkNetwork::of(network);
  ASSERT_TRUE(shrunk);
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(network.weights()));
  EXPECT_EQ(small.prunable()[0].weight.size(0), 1);
  EXPECT_EQ(small.prunable()[0].mask.sum().item<float>(), 0);
  EXPECT_LE(require_equal_outputs(network, small, some_examples(network.description(), at::kFloat)), 1e-6);
}

TEST(ShrunkNetwork, OtherOutputsAreAnErrorThatNamesTheLayer) {
  Network network = whole_network(two_layers(), at::kFloat);
  mask_at_random(network, Granularity::Kind::channel, 0.5, 3);
  const auto shrunk = ShrunkNetwork::of(network);
  Network small = shrunk->network();
  NamedTensors weights = shrunk->gathered(network.weights());
  for (auto& [name, tensor] : weights)
    if (name == "bn.bias") tensor = tensor.add(1);
  small.set_weights(weights);
  try {
    require_equal_outputs(network, small, some_examples(network.description(), at::kFloat));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("compute: masked"), std::string::npos);
  }
}

}  // namespace
}  // namespace espalier
