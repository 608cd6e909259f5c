#include "worker/network/network_body.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"
#include "worker/network/network.h"

namespace espalier {
namespace {

at::Tensor values(std::vector<float> list, at::IntArrayRef shape) {
  return at::tensor(list).view(shape);
}

at::Tensor random_tensor(std::vector<std::int64_t> shape, const char* stream) {
  RandomStream random(5, stream);
  at::Tensor drawn_network = at::zeros(shape);
  float* data = drawn_network.data_ptr<float>();
  for (std::int64_t i = 0; i < drawn_network.numel(); ++i) data[i] = static_cast<float>(random.normal());
  return drawn_network;
}

at::Tensor images(std::int64_t count, const ModelDescription& model) {
  return random_tensor({count, model.input[0], model.input[1], model.input[2]}, "images");
}

at::Tensor labels(std::int64_t count, std::int64_t classes) {
  return at::arange(count, at::kLong).remainder(classes);
}

Network drawn_network(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 1);
  return network;
}

at::Tensor run(const Network& network, const at::Tensor& input, Mode mode = Mode::evaluate) {
  const at::NoGradGuard no_grad;
  return network.forward(input, {mode, nullptr});
}

void expect_tensor_near(const at::Tensor& found, const at::Tensor& expected, double tolerance = 1e-5) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_TRUE(at::allclose(found, expected, tolerance, tolerance))
      << "largest difference " << (found - expected).abs().max().item<double>();
}

TEST(NetworkBody, batch_norm_trains_and_evaluates_by_hand) {
  // x = 1, 3, 5, 7 in one channel: mean 4; variance 5 with which it divides, 20/3 without bias in what it keeps.
  const auto norm = [](GraphBuilder& graph, ValueIndex x) { return graph.flatten(graph.batch_norm("bn", x)); };
  Network network(built_model("norm", {1, 1, 2}, 2, norm), kCpu);
  network.set_weights({{"bn.weight", values({2}, {1})},
                       {"bn.bias", values({0.5F}, {1})},
                       {"bn.running_mean", values({0}, {1})},
                       {"bn.running_var", values({1}, {1})}});
  const at::Tensor x = values({1, 3, 5, 7}, {2, 1, 1, 2});
  expect_tensor_near(run(network, x), 2 * x.flatten(1) / std::sqrt(1 + 1e-5) + 0.5);
  expect_tensor_near(run(network, x, Mode::train), 2 * (x.flatten(1) - 4) / std::sqrt(5 + 1e-5) + 0.5);
  const double mean = 0.9 * 0 + 0.1 * 4, variance = 0.9 * 1 + 0.1 * 20 / 3;
  EXPECT_NEAR(network.buffers()[0].tensor.item<double>(), mean, 1e-6);
  EXPECT_NEAR(network.buffers()[1].tensor.item<double>(), variance, 1e-6);
  expect_tensor_near(run(network, x), 2 * (x.flatten(1) - mean) / std::sqrt(variance + 1e-5) + 0.5);
  EXPECT_NEAR(network.buffers()[0].tensor.item<double>(), mean, 1e-6) << "evaluating moved what it keeps";
}

TEST(NetworkBody, residual_adds_its_branches_by_hand) {
  const auto residual = [](bool projects) {
    return built_model("residual", {2, 1, 1}, 2, [&](GraphBuilder& graph, ValueIndex image) {
      const ValueIndex flat = graph.flatten(image);
      const ValueIndex body = graph.linear("fc", flat, 2, false);
      return graph.sum(body, projects ? graph.linear("s", flat, 2, false) : flat);
    });
  };
  const at::Tensor x = values({1, 2}, {1, 2, 1, 1});
  const at::Tensor w = values({1, -2, 0, 3}, {2, 2}), s = values({1, 1, 1, 0}, {2, 2});
  // W x = (-3, 6), so with x itself (-2, 8); with S x = (3, 1) it is (0, 7).
  Network identity(residual(false), kCpu);
  identity.set_weights({{"fc.weight", w}});
  expect_tensor_near(run(identity, x), values({-2, 8}, {1, 2}));
  Network projected(residual(true), kCpu);
  projected.set_weights({{"fc.weight", w}, {"s.weight", s}});
  expect_tensor_near(run(projected, x), values({0, 7}, {1, 2}));
  EXPECT_EQ(projected.prunable()[1].layer, "s");
}

TEST(NetworkBody, rows_become_tokens_with_all_their_channels) {
  // Two channels of 2x3: row 0 is (0, 1, 2) and (6, 7, 8), row 1 (3, 4, 5) and (9, 10, 11).
  const auto mean_row = [](GraphBuilder& graph, ValueIndex x) { return graph.mean_tokens(graph.rows(x)); };
  const Network network(built_model("rows", {2, 2, 3}, 6, mean_row), kCpu);
  expect_tensor_near(run(network, at::arange(12, at::kFloat).view({1, 2, 2, 3})),
                     values({1.5F, 2.5F, 3.5F, 7.5F, 8.5F, 9.5F}, {1, 6}));
}

TEST(NetworkBody, layer_norm_gelu_and_places_by_hand) {
  const auto sequence = [](GraphBuilder& graph, ValueIndex x) {
    return graph.gelu(graph.layer_norm("ln", graph.position("pos", graph.rows(x))));
  };
  Network network(built_model("sequence", {1, 2, 2}, 2, sequence), kCpu);
  network.set_weights({{"pos.weight", values({0, 0, -4, 2}, {2, 2})},
                       {"ln.weight", values({1, 1}, {2})},
                       {"ln.bias", values({0, 0}, {2})}});
  // (1, 3) has mean 2 and variance 1: (-1, 1); (5, 1) + (-4, 2) = (1, 3) too. GELU: 1 Phi(1) and -1 Phi(-1).
  const float at_one = 0.8413447F, at_minus_one = -0.1586553F;
  expect_tensor_near(run(network, values({1, 3, 5, 1}, {1, 1, 2, 2})),
                     values({at_minus_one, at_one, at_minus_one, at_one}, {1, 2, 2}), 1e-4);
}

/// softmax(q k^T / sqrt(width of a head)) v for each head, one number at a time.
std::vector<double> plain_attention(const NamedTensors& weights, const at::Tensor& x, std::int64_t heads, bool causal) {
  const std::int64_t tokens = x.size(0), width = x.size(1), part = width / heads;
  const auto linear = [&](const std::vector<double>& in, std::size_t at) {
    const auto w = weights[at].second.accessor<float, 2>();
    const auto b = weights[at + 1].second.accessor<float, 1>();
    std::vector<double> out;
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t o = 0; o < width; ++o) {
        double sum = b[o];
        for (std::int64_t i = 0; i < width; ++i) sum += w[o][i] * in[static_cast<std::size_t>(t * width + i)];
        out.push_back(sum);
      }
    }
    return out;
  };
  const float* first = x.data_ptr<float>();
  const std::vector<double> in(first, first + x.numel());
  const std::vector<double> q = linear(in, 0), k = linear(in, 2), v = linear(in, 4);
  const auto at = [&](std::int64_t token, std::int64_t column) {
    return static_cast<std::size_t>(token * width + column);
  };
  std::vector<double> given(q.size(), 0);
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int64_t seen = causal ? t + 1 : tokens;
      std::vector<double> share;
      double total = 0;
      for (std::int64_t other = 0; other < seen; ++other) {
        double match = 0;
        for (std::int64_t i = head * part; i < (head + 1) * part; ++i) match += q[at(t, i)] * k[at(other, i)];
        share.push_back(std::exp(match / std::sqrt(static_cast<double>(part))));
        total += share.back();
      }
      for (std::int64_t other = 0; other < seen; ++other) {
        for (std::int64_t i = head * part; i < (head + 1) * part; ++i)
          given[at(t, i)] += share[static_cast<std::size_t>(other)] / total * v[at(other, i)];
      }
    }
  }
  return linear(given, 6);
}

TEST(NetworkBody, attention_is_the_papers_equation) {
  for (const bool causal : {false, true}) {
    const Network network = [&] {
      const auto attention = [&](GraphBuilder& graph, ValueIndex x) {
        return graph.attention("attn", graph.rows(x), 3, causal);
      };
      Network made(built_model("attention", {1, 5, 6}, 6, attention), kCpu);
      NamedTensors weights = made.weights();
      for (auto& [name, tensor] : weights) tensor = random_tensor(tensor.sizes().vec(), name.c_str());
      made.set_weights(weights);
      return made;
    }();
    const at::Tensor x = random_tensor({1, 1, 5, 6}, "x");
    const std::vector<double> expected = plain_attention(network.weights(), x.view({5, 6}), 3, causal);
    const at::Tensor found = run(network, x);
    ASSERT_EQ(found.sizes(), at::IntArrayRef({1, 5, 6}));
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(found.view({-1})[static_cast<std::int64_t>(i)].item<double>(), expected[i], 1e-4) << causal;
  }
}

class Names : public ForwardObserver {
 public:
  std::vector<std::string> layers;
  std::multiset<std::string> relus;
  void on_layer_input(const std::string& layer, const at::Tensor&) override { layers.push_back(layer); }
  void on_relu(const std::string& relu, const at::Tensor&) override { relus.insert(relu); }
};

class CatalogNetwork : public testing::TestWithParam<std::string> {
 protected:
  ModelDescription model() const { return describe_model({GetParam(), find_model(GetParam()).images, 10}); }
};

std::vector<std::string> every_model() {
  std::vector<std::string> names;
  for (const ModelEntry& entry : list_models()) names.push_back(std::string(entry.name) + std::string(entry.sizes));
  return names;
}

TEST_P(CatalogNetwork, gives_logits_and_finite_gradients_for_every_parameter) {
  const ModelDescription description = model();
  Network network = drawn_network(description);
  EXPECT_EQ(network.parameters().numel(), count_model(description).parameters);
  const at::Tensor x = images(3, description);
  EXPECT_EQ(run(network, x).sizes(), at::IntArrayRef({3, 10}));
  const at::Tensor loss = network.loss_and_gradients(x, labels(3, 10), Mode::train);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  EXPECT_TRUE(at::isfinite(network.gradients()).all().item<bool>());
  for (const PrunableWeight& weight : network.prunable())
    EXPECT_GT(weight.gradient.abs().sum().item<double>(), 0) << weight.parameter;
}

TEST_P(CatalogNetwork, shows_an_observer_what_the_description_names) {
  const ModelDescription description = model();
  const Network network(description, kCpu);
  Names seen;
  {
    const at::NoGradGuard no_grad;
    network.forward(images(1, description), {Mode::evaluate, &seen});
  }
  std::vector<std::string> layers;
  for (const PrunableLayer& layer : prunable_layers(description)) {
    layers.push_back(layer.name);
    if (layer.activation.empty()) continue;
    EXPECT_EQ(seen.relus.count(layer.activation), 1U) << layer.activation;
  }
  EXPECT_EQ(seen.layers, layers);
  for (const std::string& relu : seen.relus) EXPECT_EQ(seen.relus.count(relu), 1U) << relu << " names two";
}

INSTANTIATE_TEST_SUITE_P(All, CatalogNetwork, testing::ValuesIn(every_model()), [](const auto& one) {
  std::string name = one.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

/// A few steps of plain gradient descent on one batch.
void train(Network& network, std::int64_t steps, double rate) {
  const ModelDescription& model = network.description();
  const at::Tensor x = images(16, model), y = labels(16, 10);
  for (std::int64_t i = 0; i < steps; ++i) {
    network.loss_and_gradients(x, y, Mode::train);
    network.parameters().sub_(network.gradients(), rate);
  }
}

double loss_in_training(Network& network) {
  return network.loss_and_gradients(images(16, network.description()), labels(16, 10), Mode::train).item<double>();
}

TEST(NetworkBody, what_is_deep_learns_a_batch_by_heart) {
  for (const auto& [name, rate] : {std::pair("resnet-20", 0.1), {"vgg-11-bn", 0.05}, {"transformer", 0.1}}) {
    Network network = drawn_network(describe_model({name, {3, 16, 16}, 10}));
    const double before = loss_in_training(network);
    train(network, 12, rate);
    EXPECT_LT(loss_in_training(network), 0.7 * before) << name;
  }
}

TEST(NetworkBody, weights_and_running_statistics_come_back_from_a_file) {
  const ModelDescription model = describe_model({"resnet-20", {3, 8, 8}, 10});
  Network network = drawn_network(model);
  train(network, 2, 0.1);
  const NamedTensors weights = network.weights();
  EXPECT_EQ(weights.size(), network.named().size() + 2 * 21);  // 21 batch norms keep a mean and a variance each
  EXPECT_GT(weights.back().second.sub(1).abs().sum().item<double>(), 0) << weights.back().first;
  const TensorFile file = to_file(weights, {});
  const std::string bytes = to_safetensors(file.content);
  Network other(model, kCpu);
  other.set_weights(from_file(parse_safetensors(bytes, "file"), kCpu));
  EXPECT_TRUE(at::equal(run(other, images(4, model)), run(network, images(4, model))));
  // A fresh draw forgets what was kept.
  const at::Tensor fresh = run(drawn_network(model), images(4, model));
  InitSpec again;
  again.scheme = "kaiming_normal";
  again.stream = "init";
  initialize(other, again, 1);
  EXPECT_TRUE(at::equal(run(other, images(4, model)), fresh));
}

TEST(NetworkBody, WhatATrainingPassDropsIsAFunctionOfTheStepsSeed) {
  const auto build = [](GraphBuilder& graph, ValueIndex x, bool attends) {
    x = graph.linear("in", graph.rows(x), 8);
    if (attends) {
      const ValueIndex q = graph.linear("q", x, 8), k = graph.linear("k", x, 8), v = graph.linear("v", x, 8);
      x = graph.add("Attention", "a", {q, k, v},
                    {{"heads", std::int64_t{2}},
                     {"key_value_heads", std::int64_t{2}},
                     {"causal", std::int64_t{0}},
                     {"divisor", 2.0},
                     {"dropout", 0.5}});
    } else {
      x = graph.add("Dropout", "", {x}, {{"probability", 0.5}});
    }
    return graph.linear("fc", graph.mean_tokens(x), 3);
  };
  for (const bool attends : {false, true}) {
    Network network = drawn_network(
        built_model("net", {1, 6, 4}, 3, [&](GraphBuilder& graph, ValueIndex x) { return build(graph, x, attends); }));
    const at::Tensor input = images(4, network.description());
    const auto pass = [&](std::uint64_t seed) {
      network.seed_step(seed);
      return run(network, input, Mode::train);
    };
    const at::Tensor first = pass(1), other = pass(2);
    EXPECT_FALSE(at::equal(first, other));
    EXPECT_TRUE(at::equal(pass(1), first));
    EXPECT_TRUE(at::equal(run(network, input), run(network, input)));
    EXPECT_FALSE(at::equal(run(network, input), first));
  }
}

}  // namespace
}  // namespace espalier
