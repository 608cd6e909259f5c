#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/criteria/column_pruning.h"
#include "worker/criteria/criterion.h"
#include "worker/criteria/second_order.h"
#include "worker/network/initialization.h"

// Criteria that change the weights they leave.

namespace espalier {
namespace {

/// 64 networks of two inputs, two tanh units and one output, [nets, 9]: 4 + 2 weights and biases of the units, 2 + 1 of
/// the output.
at::Tensor xor_outputs(const at::Tensor& nets) {
  const at::Tensor x = at::tensor({0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0}, at::kDouble).view({4, 2});
  const at::Tensor units = at::tanh(
      at::matmul(x, nets.narrow(1, 0, 4).view({-1, 2, 2}).transpose(1, 2)).add(nets.narrow(1, 4, 2).unsqueeze(1)));
  return units.mul(nets.narrow(1, 6, 2).unsqueeze(1)).sum(2).add(nets.narrow(1, 8, 1));
}

const at::Tensor& xor_targets() {
  static const at::Tensor targets = at::tensor({0.0, 1.0, 1.0, 0.0}, at::kDouble);
  return targets;
}

/// Trained to a squared error below 1e-3, with a weight decay of 1e-4; those that got there.
at::Tensor trained_xor_networks() {
  at::Tensor nets = at::arange(64 * 9, at::kDouble).mul(78.233).sin().mul(43758.5453);
  nets = nets.sub(nets.floor()).mul(4).sub(2).view({64, 9});  // -2 .. 2
  at::Tensor mean = at::zeros_like(nets), square = at::zeros_like(nets);
  for (int step = 1; step <= 3000; ++step) {
    nets = nets.detach().requires_grad_();
    const at::Tensor loss =
        xor_outputs(nets).sub(xor_targets()).square().mean(1).sum().add(nets.square().sum().mul(0.5e-4));
    const at::Tensor gradient = torch::autograd::grad({loss}, {nets})[0];
    const at::NoGradGuard no_grad;
    mean = mean.mul(0.9).add(gradient, 0.1);
    square = square.mul(0.999).add(gradient.square(), 0.001);
    nets =
        nets.sub(mean.div(1 - std::pow(0.9, step)).div(square.div(1 - std::pow(0.999, step)).sqrt().add(1e-8)), 0.02);
  }
  const at::NoGradGuard no_grad;
  nets = nets.detach();
  const at::Tensor errors = xor_outputs(nets).sub(xor_targets()).square().mean(1);
  return nets.index_select(0, errors.lt(1e-3).nonzero().flatten());
}

bool solves_xor(const at::Tensor& net) {
  return xor_outputs(net.unsqueeze(0)).gt(0.5).eq(xor_targets().gt(0.5)).all().item<bool>();
}

/// The mean of the outer products of the output's derivatives, Hassibi & Stork's Hessian of the squared error, damped.
at::Tensor xor_hessian(const at::Tensor& net) {
  const at::Tensor leaf = net.unsqueeze(0).clone().requires_grad_();
  const at::Tensor outputs = xor_outputs(leaf)[0];
  at::Tensor hessian = at::eye(9, at::kDouble).mul(1e-4);
  for (int i = 0; i < 4; ++i) {
    const at::Tensor row = torch::autograd::grad({outputs[i]}, {leaf}, {}, true)[0][0];
    hessian.add_(row.outer(row), 0.5);
  }
  return hessian;
}

TEST(Obs, DeletesARemovableWeightOfXorWhereMagnitudeFails) {
  const at::Tensor nets = trained_xor_networks();
  ASSERT_GE(nets.size(0), 40);
  int by_surgery = 0, by_magnitude = 0, only_surgery = 0;
  for (const at::Tensor& net : nets.unbind()) {
    const std::vector<std::int64_t> one_group(9, 0);
    const Surgery surgery = delete_weights(xor_hessian(net), net, at::ones({9}, at::kBool), one_group, {1});
    at::Tensor least = net.clone();
    least[net.abs().argmin().item<std::int64_t>()] = 0;
    EXPECT_EQ(std::count(surgery.kept.begin(), surgery.kept.end(), true), 8);
    by_surgery += solves_xor(surgery.weights);
    by_magnitude += solves_xor(least);
    only_surgery += solves_xor(surgery.weights) && !solves_xor(least);
  }
  const auto networks = static_cast<double>(nets.size(0));
  EXPECT_GE(by_surgery, 0.95 * networks);
  EXPECT_LT(by_magnitude, 0.8 * networks);
  EXPECT_GT(only_surgery, 0);
}

TEST(Obs, IsExactForAQuadraticLoss) {
  // L = (w - a)' H (w - a) / 2: what surgery predicts is what is lost, and what stays is at the minimum again.
  const at::Tensor root = at::arange(25, at::kDouble).mul(3.7).sin().view({5, 5});
  const at::Tensor hessian = root.matmul(root.t()).add(at::eye(5, at::kDouble), 0.1);
  const at::Tensor a = at::tensor({0.3, -1.0, 0.8, 2.0, -0.5}, at::kDouble);
  const std::vector<std::int64_t> group{0, 0, 1, 1, 0};
  const Surgery surgery = delete_weights(hessian, a, at::ones({5}, at::kBool), group, {1, 1});
  const at::Tensor change = surgery.weights.sub(a);
  EXPECT_NEAR(change.dot(hessian.matmul(change)).item<double>() / 2,
              std::accumulate(surgery.increases.begin(), surgery.increases.end(), 0.0), 1e-9);
  const at::Tensor slope = hessian.matmul(change);
  int kept = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto at_i = static_cast<std::int64_t>(i);
    if (surgery.kept[i]) {
      ++kept;
      EXPECT_NEAR(slope[at_i].item<double>(), 0, 1e-9);
    } else {
      EXPECT_EQ(surgery.weights[at_i].item<double>(), 0);
    }
  }
  EXPECT_EQ(kept, 3);
  EXPECT_NE(surgery.kept[2], surgery.kept[3]) << "one of each group";
}

TEST(Obs, RefusesAHessianWithoutMinimum) {
  const at::Tensor saddle = at::diag(at::tensor({1.0, -1.0}, at::kDouble));
  EXPECT_THROW(delete_weights(saddle, at::ones({2}, at::kDouble), at::ones({2}, at::kBool), {0, 0}, {1}), Error);
}

ModelDescription repaired_network() {
  return built_model("small", {4, 5, 5}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {6, 3, 2, 1})));
    return graph.linear("fc2", graph.relu("relu1", graph.linear("fc1", graph.flatten(x), 8)), 3);
  });
}

Network initialized_for_repair(std::uint64_t seed) {
  Network network(repaired_network(), kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, seed);
  return network;
}

Batch repair_batch(std::int64_t index) {
  const at::Tensor images = at::arange(40 * 100, at::kFloat).mul(12.9898).add(static_cast<double>(index)).sin();
  return {images.view({40, 4, 5, 5}), at::arange(40, at::kLong).remainder(3)};
}

CriterionContext repair_context(Network& network, std::string_view criterion) {
  return {network, true, 7, 2, repair_batch, default_options(find_criterion(criterion))};
}

std::vector<std::int64_t> kept_counts(const Network& network) {
  std::vector<std::int64_t> counts;
  for (const PrunableWeight& one : network.prunable()) counts.push_back(one.mask.sum().item<std::int64_t>());
  return counts;
}

RepairOrder order_of(std::vector<std::size_t> layers, std::vector<std::int64_t> kept) {
  RepairOrder order;
  order.layers = std::move(layers);
  order.target.total_kept = std::accumulate(kept.begin(), kept.end(), std::int64_t{0});
  order.target.layer_kept = std::move(kept);
  return order;
}

class EveryRepair : public testing::TestWithParam<std::string> {};

TEST_P(EveryRepair, KeepsItsCountsAndWhatWasGone) {
  Network network = initialized_for_repair(1), again = initialized_for_repair(1);
  NamedTensors masks = network.masks();
  masks[1].second =
      at::arange(masks[1].second.numel(), at::kLong).remainder(5).ne(0).to(at::kByte).view(masks[1].second.sizes());
  const at::Tensor gone = masks[1].second.eq(0);
  const at::Tensor before = network.prunable()[1].weight.clone(), last = network.prunable()[2].weight.clone();
  for (Network* one : {&network, &again}) {
    one->set_masks(masks);
    find_repair(GetParam())(repair_context(*one, GetParam()), order_of({0, 1}, {100, 150}));
  }
  EXPECT_EQ(kept_counts(network), (std::vector<std::int64_t>{100, 150, 24}));
  const PrunableWeight& layer = network.prunable()[1];
  EXPECT_FALSE(layer.mask.ne(0).logical_and(gone).any().item<bool>());
  EXPECT_FALSE(layer.weight.ne(0).logical_and(layer.mask.eq(0)).any().item<bool>());
  EXPECT_FALSE(at::equal(layer.weight, before.mul(layer.mask))) << "nothing was repaired";
  EXPECT_TRUE(network.parameters().isfinite().all().item<bool>());
  EXPECT_TRUE(at::equal(network.parameters(), again.parameters())) << "not deterministic";
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryRepair, testing::Values("obs", "sparsegpt"),
                         [](const auto& instance) { return instance.param; });

TEST(Obs, RanksAllLayersUnderOneCount) {
  Network network = initialized_for_repair(2);
  RepairOrder order = order_of({0, 1, 2}, {});
  order.target.total_kept = 300;
  repair_obs(repair_context(network, "obs"), order);
  const std::vector<std::int64_t> counts = kept_counts(network);
  EXPECT_EQ(counts[0] + counts[1] + counts[2], 300);
}

TEST(SparseGpt, KeepsTwoOfFourChannelsAtEachKernelPosition) {
  Network network = initialized_for_repair(3);
  RepairOrder order = order_of({0}, {});
  order.granularity = parse_granularity("2:4");
  repair_sparsegpt(repair_context(network, "sparsegpt"), order);
  EXPECT_TRUE(network.prunable()[0].mask.sum(1).eq(2).all().item<bool>());  // of 4 inputs, [6, 3, 3]
}

TEST(SparseGpt, LosesLessThanTheSameMaskWithoutRepair) {
  const at::Tensor x = at::arange(50 * 12, at::kDouble).mul(12.9898).sin().view({50, 12});
  const at::Tensor inputs = x.add(x.roll({1}, {1}));  // neighbours are correlated
  const at::Tensor weight = at::arange(8 * 12, at::kFloat).mul(4.3).cos().view({8, 12});
  const at::Tensor surviving = at::ones({8, 12}, at::kByte);
  const auto loss = [&](const at::Tensor& pruned) {
    return inputs.matmul(pruned.to(at::kDouble).sub(weight).t()).square().sum().item<double>();
  };
  ColumnPruning rules{5, 0, 0, counts_of_blocks(surviving, 5, 48)};
  EXPECT_EQ(rules.counts, (std::vector<std::int64_t>{20, 20, 8}));
  const PrunedColumns pruned = prune_columns(weight, surviving, inverse_factor(inputs.t().matmul(inputs), 0.01), rules);
  EXPECT_EQ(pruned.mask.sum().item<std::int64_t>(), 48);
  EXPECT_LT(loss(pruned.weight), 0.8 * loss(weight.mul(pruned.mask)));
}

TEST(SparseGpt, NeedsACountForEachLayer) {
  Network network = initialized_for_repair(4);
  RepairOrder order = order_of({0, 1, 2}, {});
  order.target.total_kept = 300;
  EXPECT_THROW(repair_sparsegpt(repair_context(network, "sparsegpt"), order), Error);
  EXPECT_THROW(find_repair("magnitude"), Error);
  EXPECT_THROW(find_score("obs"), Error);
}

TEST(SparseGpt, WeightsThatNoInputReachesAreGone) {
  // Inputs 1 and 3 are always zero: of 4 x 4 weights, 2 x 4 can say something. 12 are to stay, and 8 do.
  Network network(linear_model("dead", 4, 4), kCpu);
  network.set_weights({{"fc.weight", at::arange(1, 17, at::kFloat).view({4, 4})}, {"fc.bias", at::zeros({4})}});
  const at::Tensor images = at::arange(10 * 4, at::kFloat).mul(12.9898).sin().view({10, 4, 1, 1}).clone();
  images.select(1, 1).zero_();
  images.select(1, 3).zero_();
  CriterionContext context = repair_context(network, "sparsegpt");
  context.batch = [&](std::int64_t) { return Batch{images, at::arange(10, at::kLong).remainder(4)}; };
  repair_sparsegpt(context, order_of({0}, {12}));
  const PrunableWeight& layer = network.prunable()[0];
  EXPECT_TRUE(at::equal(layer.mask.sum(0), at::tensor({4.0F, 0.0F, 4.0F, 0.0F})));
  EXPECT_TRUE(at::equal(layer.mask.ne(0), layer.weight.ne(0)));
  // A later round asks for more than is left, and gets what is left.
  repair_sparsegpt(context, order_of({0}, {10}));
  EXPECT_EQ(kept_counts(network), (std::vector<std::int64_t>{8}));
}

}  // namespace
}  // namespace espalier
