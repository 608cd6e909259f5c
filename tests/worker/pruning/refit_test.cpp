// Least squares after a cut, beside the same solved by hand.
#include "worker/pruning/refit.h"

#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"
#include "tests/worker/pruning/shrunk_comparison.h"
#include "worker/pruning/norm_statistics.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

constexpr std::int64_t kBatches = 3, kBatchSize = 20;

at::Tensor calibration_inputs(const ModelDescription& model, std::int64_t batch) {
  at::manual_seed(static_cast<std::uint64_t>(100 + batch));
  return at::randn({kBatchSize, model.input[0], model.input[1], model.input[2]}, at::kDouble);
}

CriterionContext calibration_of(Network& network) {
  return {network, true, 7, kBatches, [model = network.description()](std::int64_t batch) {
            return Batch{calibration_inputs(model, batch), at::zeros({kBatchSize}, at::kLong)};
          }};
}

at::Tensor all_inputs(const ModelDescription& model) {
  std::vector<at::Tensor> batches;
  for (std::int64_t batch = 0; batch < kBatches; ++batch) batches.push_back(calibration_inputs(model, batch));
  return at::cat(batches);
}

/// Masks without these units of the first scope.
NamedTensors masks_without(const Network& network, Kind kind, const std::vector<std::int64_t>& units) {
  NamedTensors masks = network.masks();
  const PruneScope scope = prune_scopes(network.description(), {.kind = kind}, {}).front();
  std::vector<std::uint8_t> kept(static_cast<std::size_t>(scope.units), 1);
  for (const std::int64_t unit : units) kept[static_cast<std::size_t>(unit)] = 0;
  mask_units(scope, {.kind = kind}, network, kept, false, masks);
  return masks;
}

const at::Tensor& weight_called(const NamedTensors& weights, const std::string& name) {
  return std::ranges::find(weights, name, [](const auto& entry) -> const std::string& { return entry.first; })->second;
}

bool weights_have(const NamedTensors& weights, const std::string& name) {
  return std::ranges::any_of(weights, [&](const auto& entry) { return entry.first == name; });
}

ModelDescription refit_mlp() {
  return built_model("mlp", {4, 1, 1}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc2", graph.relu("relu1", graph.linear("fc1", graph.flatten(x), 6)), 3);
  });
}

ModelDescription refit_conv(bool bias) {
  return built_model("conv", {2, 5, 5}, 3, [&](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", graph.conv2d("conv1", x, {4, 3, 1, 1}));
    x = graph.relu("relu2", graph.conv2d("conv2", x, {3, 3, 2, 1, bias}));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

/// W' [out, kept] (and b') that minimize ||Y - W' X^T - b'||^2 + lambda ||W' - W_S||^2 for rows X [n, kept], Y [n,
/// out], lambda `damping` times the mean of the diagonal: as one least squares problem, its ridge in rows of its own.
struct SolvedByHand {
  at::Tensor weight, bias;
};
SolvedByHand solve_by_hand(const at::Tensor& x, const at::Tensor& y, const at::Tensor& start, double damping,
                           bool with_bias) {
  const at::Tensor around = with_bias ? x.sub(x.mean(0)) : x;
  const double lambda = damping * around.square().sum(0).mean().item<double>();
  const std::int64_t kept = x.size(1);
  at::Tensor rows = with_bias ? at::cat({x, at::ones({x.size(0), 1}, x.options())}, 1) : x;
  at::Tensor ridge = at::eye(kept, x.options()).mul(std::sqrt(lambda));
  if (with_bias) ridge = at::cat({ridge, at::zeros({kept, 1}, x.options())}, 1);
  const at::Tensor left = at::cat({rows, ridge}), right = at::cat({y, start.t().mul(std::sqrt(lambda))});
  const at::Tensor solved = at::linalg_solve(left.t().matmul(left), left.t().matmul(right)).t();
  return {solved.narrow(1, 0, kept), with_bias ? solved.select(1, kept) : at::Tensor()};
}

TEST(Refit, ALinearLayerIsTheClosedFormByHand) {
  const at::NoGradGuard no_grad;
  for (const double damping : {1e-9, 0.01, 3.0}) {
    Network network = drawn_network(refit_mlp(), at::kDouble);
    const NamedTensors before = network.weights();
    const at::Tensor x = all_inputs(network.description()).flatten(1);
    const at::Tensor hidden =
        at::linear(x, weight_called(before, "fc1.weight"), weight_called(before, "fc1.bias")).relu();
    const at::Tensor y = network.forward(all_inputs(network.description()));
    const at::Tensor kept = at::tensor({0, 2, 3, 5}, at::kLong), old = weight_called(before, "fc2.weight");
    const SolvedByHand expected =
        solve_by_hand(hidden.index_select(1, kept), y, old.index_select(1, kept), damping, true);

    const auto fitted = refit(calibration_of(network), masks_without(network, Kind::channel, {1, 4}), damping);
    const NamedTensors after = network.weights();
    const at::Tensor weight = weight_called(after, "fc2.weight"), bias = weight_called(after, "fc2.bias");
    EXPECT_TRUE(at::allclose(weight.index_select(1, kept), expected.weight, 1e-8, 1e-10)) << damping;
    EXPECT_TRUE(at::allclose(bias, expected.bias, 1e-8, 1e-10)) << damping;
    EXPECT_EQ(weight.index_select(1, at::tensor({1, 4}, at::kLong)).abs().max().item<double>(), 0);
    EXPECT_TRUE(at::equal(weight_called(after, "fc1.weight"), weight_called(before, "fc1.weight")));
    // What it reports, by hand.
    ASSERT_EQ(fitted.size(), 1U);
    EXPECT_EQ(fitted[0].layer, "fc2");
    const at::Tensor cut =
        at::linear(hidden.index_select(1, kept), old.index_select(1, kept), weight_called(before, "fc2.bias"));
    EXPECT_NEAR(fitted[0].before, y.sub(cut).square().sum().item<double>(), 1e-9 * fitted[0].before);
    const at::Tensor again = at::linear(hidden.index_select(1, kept), weight.index_select(1, kept), bias);
    EXPECT_NEAR(fitted[0].after, y.sub(again).square().sum().item<double>(), 1e-9 * fitted[0].before);
  }
}

TEST(Refit, AConvolutionIsTheClosedFormOfItsPatches) {
  const at::NoGradGuard no_grad;
  for (const bool with_bias : {false, true}) {
    Network network = drawn_network(refit_conv(with_bias), at::kDouble);
    const NamedTensors before = network.weights();
    const at::Tensor hidden = at::conv2d(all_inputs(network.description()), weight_called(before, "conv1.weight"),
                                         weight_called(before, "conv1.bias"), 1, 1)
                                  .relu();
    const at::Tensor patches = at::im2col(hidden, {3, 3}, {1, 1}, {1, 1}, {2, 2}).transpose(1, 2).flatten(0, 1);
    const at::Tensor matrix = weight_called(before, "conv2.weight").flatten(1);
    at::Tensor y = patches.matmul(matrix.t());
    if (with_bias) y = y.add(weight_called(before, "conv2.bias"));
    const at::Tensor kept = at::cat({at::arange(0, 9), at::arange(27, 36)});  // channels 0 and 3
    const SolvedByHand expected =
        solve_by_hand(patches.index_select(1, kept), y, matrix.index_select(1, kept), 0.02, with_bias);
    refit(calibration_of(network), masks_without(network, Kind::channel, {1, 2}), 0.02);
    const NamedTensors after = network.weights();
    EXPECT_TRUE(at::allclose(weight_called(after, "conv2.weight").flatten(1).index_select(1, kept), expected.weight,
                             1e-8, 1e-10));
    if (!with_bias) continue;
    EXPECT_TRUE(at::allclose(weight_called(after, "conv2.bias"), expected.bias, 1e-8, 1e-10));
  }
}

/// What reads a unit that repeats another can have all of it back.
TEST(Refit, AUnitThatAnotherRepeatsIsNotMissed) {
  const at::NoGradGuard no_grad;
  Network network = drawn_network(refit_mlp(), at::kDouble);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights)
    if (name.starts_with("fc1")) tensor[4] = tensor[0].mul(2);
  network.set_weights(weights);
  const at::Tensor x = all_inputs(network.description()), y = network.forward(x);
  const NamedTensors masks = masks_without(network, Kind::channel, {4});
  const auto fitted = refit(calibration_of(network), masks, 1e-12);
  network.set_masks(masks);
  EXPECT_LT(fitted[0].after, 1e-9 * fitted[0].before);
  EXPECT_LT(network.forward(x).sub(y).abs().max().item<double>(), 1e-5);
}

TEST(Refit, NoLayerIsWorseThanWithoutIt) {
  const at::NoGradGuard no_grad;
  const ModelDescription grouped = built_model("grouped", {2, 5, 5}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", graph.batch_norm("bn1", graph.conv2d("conv1", x, {8, 3, 1, 1})));
    x = graph.relu("relu2", graph.batch_norm("bn2", graph.conv2d("conv2", x, {6, 3, 1, 1, false})));
    return graph.linear("fc", graph.flatten(x), 3);
  });
  const ModelDescription attention = built_model("attention", {1, 4, 8}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.mean_tokens(graph.attention("attn", graph.rows(x), 4)), 3);
  });
  for (const double damping : {1e-6, 0.01, 100.0}) {
    for (const auto& [model, kind] : {std::pair{grouped, Kind::channel}, {attention, Kind::head}}) {
      Network network = drawn_network(model, at::kDouble);
      NamedTensors masks = network.masks();
      for (const PruneScope& scope : prune_scopes(model, {.kind = kind}, {})) {
        std::vector<std::uint8_t> kept(static_cast<std::size_t>(scope.units), 1);
        kept[0] = kept[2] = 0;
        mask_units(scope, {.kind = kind}, network, kept, false, masks);
      }
      const auto fitted = refit(calibration_of(network), masks, damping);
      EXPECT_EQ(fitted.size(), kind == Kind::head ? 1U : 2U);
      for (const RefittedLayer& layer : fitted) {
        EXPECT_GT(layer.before, 0) << layer.layer;
        EXPECT_LT(layer.after, layer.before) << layer.layer << " " << damping;
      }
    }
  }
}

TEST(Refit, WhereNothingLeavesNothingChanges) {
  Network network = drawn_network(refit_conv(true), at::kDouble);
  const NamedTensors before = network.weights();
  EXPECT_TRUE(refit(calibration_of(network), network.masks(), 0.01).empty());
  for (const auto& [name, tensor] : network.weights())
    EXPECT_TRUE(at::equal(tensor, weight_called(before, name))) << name;
}

ModelDescription two_norms() {
  return built_model("norms", {2, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", graph.batch_norm("bn1", graph.conv2d("conv1", x, {4, 3, 1, 1})));
    x = graph.relu("relu2", graph.batch_norm("bn2", graph.conv2d("conv2", x, {3, 3, 1, 1})));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

TEST(NormStatistics, AreThoseOfTheCalibrationSet) {
  const at::NoGradGuard no_grad;
  Network network = drawn_network(two_norms(), at::kDouble);
  network.set_masks(masks_without(network, Kind::channel, {2}));
  const NamedTensors before = network.weights();
  const at::Tensor given = at::conv2d(all_inputs(network.description()), weight_called(before, "conv1.weight"),
                                      weight_called(before, "conv1.bias"), 1, 1);
  estimate_norm_statistics(calibration_of(network));
  const NamedTensors after = network.weights();
  EXPECT_TRUE(at::allclose(weight_called(after, "bn1.running_mean"), given.mean({0, 2, 3}), 1e-10, 1e-12));
  EXPECT_TRUE(
      at::allclose(weight_called(after, "bn1.running_var"), given.var(at::IntArrayRef{0, 2, 3}, true), 1e-10, 1e-12));
  EXPECT_EQ(weight_called(after, "bn1.running_var")[2].item<double>(), 0) << "what left is given zeros";
  for (const auto& [name, tensor] : before) {
    if (name.find("running") != std::string::npos) continue;
    EXPECT_TRUE(at::equal(weight_called(after, name), tensor)) << name;
  }
  ASSERT_TRUE(weights_have(after, "bn2.running_var"));
}

/// A training step leaves a tenth of its batch's statistics in norms that kept zeros.
TEST(NormStatistics, OfOneBatchAreThoseThatATrainingStepSees) {
  const at::NoGradGuard no_grad;
  Network network = drawn_network(two_norms(), at::kDouble);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights)
    if (name.find("running") != std::string::npos) tensor.zero_();
  network.set_weights(weights);
  CriterionContext calibration = calibration_of(network);
  calibration.batches = 1;
  network.forward(calibration.batch(0).inputs, {Mode::train});
  const NamedTensors trained = network.weights();
  estimate_norm_statistics(calibration);
  const NamedTensors after = network.weights();
  for (const char* name : {"bn1.running_mean", "bn1.running_var", "bn2.running_mean", "bn2.running_var"})
    EXPECT_TRUE(at::allclose(weight_called(after, name), weight_called(trained, name).mul(10), 1e-9, 1e-12)) << name;
}

TEST(NormStatistics, NeedNorms) {
  Network network = drawn_network(refit_mlp(), at::kDouble);
  EXPECT_THROW(estimate_norm_statistics(calibration_of(network)), Error);
}

}  // namespace
}  // namespace espalier
