#include "worker/network/network.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/criteria/criterion.h"
#include "worker/network/initialization.h"
#include "worker/pruning/network_paths.h"
#include "worker/training/evaluation.h"

namespace espalier {
namespace {

ModelDescription lenet(const char* name) {
  return describe_model({name, {1, 28, 28}, 10});
}

InitSpec init_spec(const std::string& scheme, const std::string& stream) {
  InitSpec spec;
  spec.scheme = scheme;
  spec.stream = stream;
  return spec;
}

Network initialized_lenet(const char* name) {
  Network network(lenet(name), kCpu);
  initialize(network, init_spec("glorot_normal", "init"), 3);
  return network;
}

/// Two inputs, two outputs, no hidden layer: y = W x + b.
ModelDescription tiny() {
  return linear_model("tiny", 2, 2);
}

TEST(Network, NamesParametersInOrder) {
  const Network network(lenet("lenet-5"), kCpu);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : network.weights()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.weight",
                                             "fc1.bias", "fc2.weight", "fc2.bias"}));
}

TEST(Network, ForwardIsTheModelsFormula) {
  const Network network = initialized_lenet("lenet-5");
  const NamedTensors w = network.weights();
  const at::Tensor images = at::linspace(-1, 1, 2 * 784).view({2, 1, 28, 28});
  const at::NoGradGuard no_grad;
  at::Tensor x = at::max_pool2d(at::relu(at::conv2d(images, w[0].second, w[1].second)), 2, 2);
  x = at::max_pool2d(at::relu(at::conv2d(x, w[2].second, w[3].second)), 2, 2).flatten(1);
  x = at::relu(at::matmul(x, w[4].second.t()) + w[5].second);
  x = at::matmul(x, w[6].second.t()) + w[7].second;
  EXPECT_TRUE(at::allclose(network.forward(images), x, 1e-5, 1e-5));
}

TEST(Network, GradientsByHand) {
  Network network(tiny(), kCpu);
  network.set_weights({{"fc.weight", at::zeros({2, 2})}, {"fc.bias", at::zeros({2})}});
  // Equal logits: p = 1/2 each, so dL/dy = (p - 1, p) = (-1/2, 1/2) for label 0, and dL/dW = dL/dy x^T.
  const at::Tensor loss =
      network.loss_and_gradients(at::tensor({3.0F, 5.0F}).view({1, 2, 1, 1}), at::tensor({0}, at::kLong), Mode::train);
  EXPECT_NEAR(loss.item<double>(), std::log(2.0), 1e-6);
  EXPECT_TRUE(at::allclose(network.gradients(), at::tensor({-1.5F, -2.5F, 1.5F, 2.5F, -0.5F, 0.5F})));
  EXPECT_TRUE(at::equal(network.prunable()[0].gradient, network.gradients().narrow(0, 0, 4).view({2, 2})));
  EXPECT_FALSE(loss.requires_grad());
}

TEST(Network, MasksHoldWhateverIsWritten) {
  Network network(tiny(), kCpu);
  network.set_masks({{"fc.weight", at::tensor({1, 0, 0, 1}, at::kByte).view({2, 2})}});
  network.set_weights({{"fc.weight", at::full({2, 2}, 7.0F)}, {"fc.bias", at::ones({2})}});
  EXPECT_TRUE(at::equal(network.weights()[0].second, at::tensor({7.0F, 0.0F, 0.0F, 7.0F}).view({2, 2})));
  network.parameters().add_(1);
  network.apply_masks();
  EXPECT_TRUE(at::equal(network.parameters(), at::tensor({8.0F, 0.0F, 0.0F, 8.0F, 2.0F, 2.0F})));
}

TEST(Network, RefusesTensorsOfAnotherModel) {
  Network network(tiny(), kCpu);
  EXPECT_THROW(network.set_weights({{"fc.weight", at::zeros({2, 2})}}), Error);
  EXPECT_THROW(network.set_weights({{"fc.weight", at::zeros({2, 3})}, {"fc.bias", at::zeros({2})}}), Error);
  EXPECT_THROW(network.set_masks({{"fc.weight", at::zeros({2, 2})}}), Error);
}

TEST(Initialization, HasItsDeviationAndZeroBiases) {
  for (const auto& [scheme, deviation] :
       {std::pair("glorot_normal", std::sqrt(2.0 / 1084)), {"kaiming_normal", std::sqrt(2.0 / 784)}}) {
    Network network(lenet("lenet-300-100"), kCpu);
    initialize(network, init_spec(scheme, "init"), 0);
    const NamedTensors weights = network.weights();
    EXPECT_NEAR(weights[0].second.std().item<double>() / deviation, 1, 0.01) << scheme;
    EXPECT_NEAR(weights[0].second.mean().item<double>() / deviation, 0, 0.01);
    EXPECT_EQ(weights[1].second.abs().sum().item<double>(), 0);
  }
  Network network(lenet("lenet-5"), kCpu);
  initialize(network, init_spec("kaiming_normal", "init"), 0);
  EXPECT_NEAR(network.weights()[2].second.std().item<double>() / std::sqrt(2.0 / 500), 1,
              0.02);  // conv2: 20 channels of 5x5
  EXPECT_THROW(initialize(network, init_spec("glorot", "init"), 0), Error);
}

TEST(Initialization, IsAFunctionOfSeedAndStream) {
  const auto draw = [](const char* stream, std::uint64_t seed) {
    Network network(tiny(), kCpu);
    initialize(network, init_spec("glorot_normal", stream), seed);
    return network.parameters().clone();
  };
  EXPECT_TRUE(at::equal(draw("init", 1), draw("init", 1)));
  EXPECT_FALSE(at::equal(draw("init", 1), draw("init", 2)));
  EXPECT_FALSE(at::equal(draw("init", 1), draw("reinit", 1)));
}

TEST(Criteria, ScoresByHand) {
  Network network(tiny(), kCpu);
  network.set_weights(
      {{"fc.weight", at::tensor({1.0F, -2.0F, 1.0F, -2.0F}).view({2, 2})}, {"fc.bias", at::zeros({2})}});
  // Equal rows give equal logits, so the gradients are those of GradientsByHand: mean over x = (3, 5) and x = (1, 1).
  const CriterionContext context{
      network, true, 0, 2, [](std::int64_t index) {
        const at::Tensor x = index == 0 ? at::tensor({3.0F, 5.0F}) : at::tensor({1.0F, 1.0F});
        return Batch{x.view({1, 2, 1, 1}), at::tensor({0}, at::kLong)};
      }};
  EXPECT_TRUE(at::allclose(score_magnitude(context)[0], at::tensor({1.0F, 2.0F, 1.0F, 2.0F}).view({2, 2})));
  EXPECT_TRUE(at::allclose(score_gradient(context)[0], at::tensor({1.0F, 1.5F, 1.0F, 1.5F}).view({2, 2})));
  EXPECT_TRUE(at::allclose(score_snip(context)[0], at::tensor({1.0F, 3.0F, 1.0F, 3.0F}).view({2, 2})));
  EXPECT_TRUE(at::equal(score_random(context)[0], score_random(context)[0]));
}

/// Each prunable weight is kept with this probability.
NamedTensors random_masks(const Network& network, std::uint64_t seed, double kept) {
  NamedTensors masks = network.masks();
  for (std::size_t i = 0; i < masks.size(); ++i) {
    RandomStream random(seed, "mask", i);
    const at::Tensor bytes = masks[i].second.flatten();
    for (std::int64_t j = 0; j < bytes.numel(); ++j) bytes[j] = random.uniform() < kept ? 1 : 0;
  }
  return masks;
}

TEST(NetworkPaths, ATransformerIsCalledCollapsedOnlyIfItsLogitsDoNotDependOnTheInput) {
  const at::NoGradGuard no_grad;
  const ModelDescription model = describe_model({"transformer-2x12x3", {2, 8, 8}, 4});
  const at::Tensor images = at::arange(8 * 128, at::kFloat).mul(12.9898).sin().view({8, 2, 8, 8});
  int collapsed = 0, alive = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Network network(model, kCpu);
    initialize(network, init_spec("kaiming_normal", "init"), seed);
    network.set_masks(random_masks(network, seed, 0.005 + 0.0025 * static_cast<double>(seed % 40)));
    const at::Tensor logits = network.forward(images);
    const bool depends = logits.sub(logits.select(0, 0)).abs().max().item<double>() > 1e-6;
    if (has_path(network)) {
      alive += depends ? 1 : 0;
    } else {
      ++collapsed;
      EXPECT_FALSE(depends) << "seed " << seed;
    }
  }
  EXPECT_GT(collapsed, 20) << alive << " alive";  // both kinds occurred
  EXPECT_GT(alive, 20);
}

TEST(Network, BatchStatisticsAreTheBatchsAndAreNotKept) {
  const at::NoGradGuard no_grad;
  const auto norm_first = [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.flatten(graph.batch_norm("bn", x)), 2);
  };
  Network network(built_model("bn", {2, 2, 2}, 2, norm_first), kCpu);
  initialize(network, init_spec("kaiming_normal", "init"), 1);
  const at::Tensor images = at::arange(5 * 8, at::kFloat).mul(12.9898).sin().mul(3).add(1).view({5, 2, 2, 2});
  const NamedTensors before = network.weights();
  const at::Tensor mean = images.mean({0, 2, 3}, true), variance = images.var({0, 2, 3}, false, true);
  const at::Tensor normalised = images.sub(mean).div(variance.add(1e-5).sqrt()).flatten(1);
  const at::Tensor expected = normalised.matmul(before[2].second.t()).add(before[3].second);
  EXPECT_EQ(before[2].first, "fc.weight");
  EXPECT_TRUE(at::allclose(network.forward(images, {Mode::batch_statistics}), expected, 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(network.forward(images), expected, 1e-2, 1e-2));
  const NamedTensors after = network.weights();
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(at::equal(before[i].second, after[i].second));
}

TEST(Evaluation, ANetworkWhoseLogitsAreNotNumbersHasNoAccuracy) {
  DatasetSpec spec{"x", "x", 3, 0, 3, {1, 1, 1}, 3, 0};
  const Examples images{3, {0, 51, 255}, {1, 0, 1}};
  const ResidentDataset data({images, {}, images}, spec, kCpu);
  Network network(linear_model("x", 1, 3), kCpu);
  // The first example's pixel is zero; NaN, and infinity times it, are no numbers. argmax would find them.
  for (const float broken : {std::nanf(""), HUGE_VALF}) {
    network.set_weights(
        {{"fc.weight", at::tensor({0.0F, broken, 0.0F}).view({3, 1})}, {"fc.bias", at::tensor({0.5F, 0.0F, -9.0F})}});
    const Evaluation evaluation = evaluate(network, data, data.test());
    EXPECT_TRUE(std::isnan(evaluation.accuracy()));
    EXPECT_TRUE(std::isnan(evaluation.loss()));
    ASSERT_EQ(evaluation.class_accuracies().size(), 3U);
    for (const double accuracy : evaluation.class_accuracies()) EXPECT_TRUE(std::isnan(accuracy));
  }
}

TEST(Evaluation, CountsByHandAndChangesNothing) {
  // Three examples of one pixel, 0, 0.2 and 1 when scaled; the network says class 1 from 0.125 up, class 0 below.
  DatasetSpec spec{"x", "x", 3, 0, 3, {1, 1, 1}, 3, 0};
  const Examples images{3, {0, 51, 255}, {1, 0, 1}};
  const ResidentDataset data({images, {}, images}, spec, kCpu);
  Network network(linear_model("x", 1, 3), kCpu);
  network.set_weights(
      {{"fc.weight", at::tensor({0.0F, 4.0F, 0.0F}).view({3, 1})}, {"fc.bias", at::tensor({0.5F, 0.0F, -9.0F})}});
  const Evaluation evaluation = evaluate(network, data, data.test());
  EXPECT_DOUBLE_EQ(evaluation.accuracy(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(evaluation.class_accuracies()[0], 0);
  EXPECT_DOUBLE_EQ(evaluation.class_accuracies()[1], 0.5);
  EXPECT_TRUE(std::isnan(evaluation.class_accuracies()[2]));
  EXPECT_TRUE(at::GradMode::is_enabled());
  EXPECT_TRUE(at::allclose(data.slice(data.train(), 0, 3).inputs.flatten(), at::tensor({0.0F, 0.2F, 1.0F})));
}

}  // namespace
}  // namespace espalier
