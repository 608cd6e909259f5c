#include "tests/worker/pruning/shrunk_comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "experiments/pruning/network_size.h"
#include "tests/worker/cpu.h"
#include "worker/layers/compute_meter.h"
#include "worker/network/initialization.h"
#include "worker/pruning/network_paths.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

constexpr std::int64_t kExamples = 4;

double relative_difference(const at::Tensor& a, const at::Tensor& b, double least_scale = 1e-12) {
  const double scale = std::max({a.abs().max().item<double>(), b.abs().max().item<double>(), least_scale});
  return a.sub(b).abs().max().item<double>() / scale;
}

/// Weights by layer on paths of kept ones, as results count them.
std::map<std::string, std::int64_t> effective_weights(const Network& network) {
  StageOutcome outcome;
  for (const PrunableWeight& layer : network.prunable())
    outcome.layers.push_back({layer.layer, layer.mask.numel(), -1, layer.mask.sum(at::kLong).item<std::int64_t>()});
  report_masks(network, outcome);
  std::map<std::string, std::int64_t> weights;
  for (const LayerCount& layer : outcome.layers) weights[layer.layer] = layer.effective;
  return weights;
}

/// The smaller network has the weights that count, and no others but those of masks inside of it.
void expect_equal_counts(const Network& whole, const Network& small) {
  const auto expected = effective_weights(whole), left = effective_weights(small);
  for (const auto& [layer, count] : expected) {
    const auto found = left.find(layer);
    EXPECT_EQ(found == left.end() ? 0 : found->second, count) << layer;
  }
  if (small.masked()) return;
  for (const PrunableWeight& layer : small.prunable())
    EXPECT_EQ(layer.weight.numel(), expected.at(layer.layer)) << layer.layer;
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
  EXPECT_EQ(size->madds * examples.size(0), meter.total().done);
  NamedTensors tensors;  // in the graph's order
  const NamedTensors weights = small.weights();
  for (const Value& value : small.description().graph->values()) {
    for (const auto& [name, tensor] : weights)
      if (name == value.name) tensors.emplace_back(name, tensor.to(at::kFloat));
  }
  EXPECT_EQ(size->file_bytes, std::ssize(to_safetensors(to_file(tensors, {}).content)));
}

}  // namespace

Network drawn_network(const ModelDescription& model, c10::ScalarType type) {
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

void remove_units_at_random(Network& network, Kind kind, double fraction, std::uint64_t seed) {
  const Granularity granularity{.kind = kind};
  NamedTensors masks = network.masks();
  RandomStream random(seed, "units");
  for (const PruneScope& scope : prune_scopes(network.description(), granularity, {})) {
    std::vector<std::uint8_t> kept;
    for (std::int64_t i = 0; i < scope.units; ++i) kept.push_back(random.uniform() < fraction ? 0 : 1);
    const std::uint64_t leaves = random.below(kept.size());
    kept[leaves] = 0;
    if (kind != Kind::layer) kept[(leaves + 1) % kept.size()] = 1;
    mask_units(scope, granularity, network, kept, false, masks);
  }
  network.set_masks(masks);
}

void mask_weights_at_random(Network& network, double fraction) {
  NamedTensors masks = network.masks();
  at::manual_seed(11);
  for (auto& [name, mask] : masks) mask = mask.mul(at::rand(mask.sizes()).ge(fraction).to(at::kByte));
  network.set_masks(masks);
}

at::Tensor random_examples(const ModelDescription& model, c10::ScalarType type) {
  at::manual_seed(7);
  return at::randn({kExamples, model.input[0], model.input[1], model.input[2]}, type);
}

void expect_equal_when_shrunk(Network& whole, double tolerance, double of_gradients) {
  const c10::ScalarType type = whole.parameters().scalar_type();
  const auto shrunk = ShrunkNetwork::of(whole);
  ASSERT_TRUE(shrunk.has_value());
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(whole.weights()));
  EXPECT_LT(small.parameters().numel(), whole.parameters().numel());
  expect_equal_counts(whole, small);
  const at::Tensor examples = random_examples(whole.description(), type);
  expect_size(whole, small, examples);
  const at::Tensor labels = at::zeros({kExamples}, at::kLong);
  EXPECT_LE(require_equal_outputs(whole, small, examples), tolerance);
  const double loss = whole.loss_and_gradients(examples, labels, Mode::train).item<double>();
  EXPECT_NEAR(small.loss_and_gradients(examples, labels, Mode::train).item<double>(), loss, tolerance * std::abs(loss));
  // Gradients of what was kept. Those of a bias before a batch norm are zero but for rounding.
  const double largest = whole.gradients().abs().max().item<double>();
  NamedTensors gradients;
  for (const Parameter& parameter : whole.named()) gradients.emplace_back(parameter.name, parameter.gradient);
  const NamedTensors left = shrunk->gathered(gradients);
  for (const Parameter& parameter : small.named()) {
    const at::Tensor& expected = tensor_like(left, parameter.name, parameter.gradient);
    EXPECT_LE(relative_difference(parameter.gradient.mul(parameter.mask), expected.mul(parameter.mask), largest),
              of_gradients)
        << parameter.name;
  }
  const NamedTensors statistics = shrunk->gathered(whole.weights());
  for (const Buffer& buffer : small.buffers())
    EXPECT_LE(relative_difference(buffer.tensor.to(type), tensor_like(statistics, buffer.name, buffer.tensor).to(type)),
              tolerance)
        << buffer.name;
}

}  // namespace espalier
