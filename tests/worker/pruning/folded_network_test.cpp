#include "worker/pruning/folded_network.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/pruning/shrunk_comparison.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

at::Tensor& tensor_called(NamedTensors& tensors, const std::string& name) {
  return std::ranges::find(tensors, name, [](const auto& named) { return named.first; })->second;
}

/// Shifts and running means of either sign, so that some units send on nothing through a ReLU and others something.
Network network_with_shifts(const ModelDescription& model, c10::ScalarType type = at::kDouble) {
  Network network = drawn_network(model, type);
  NamedTensors weights = network.weights();
  at::manual_seed(13);
  for (auto& [name, tensor] : weights) {
    if (tensor.dim() != 1 || !tensor.is_floating_point()) continue;
    tensor =
        name.ends_with("running_var") ? at::rand_like(tensor).add(0.5) : tensor.add(at::randn_like(tensor).mul(0.3));
  }
  network.set_weights(weights);
  return network;
}

/// Filters and rows are masked, and no bias or norm, as granularities filter and row do.
void mask_outputs(NamedTensors& masks, const ScopeMember& member, std::int64_t units,
                  const std::set<std::int64_t>& gone) {
  at::Tensor& mask = tensor_called(masks, member.layer + ".weight");
  for (std::int64_t slice = 0; slice < member.slices(units); ++slice)
    if (gone.contains(member.unit(slice))) mask.select(member.dimension, slice).zero_();
}

std::vector<PruneScope> scopes_of(const Network& network) {
  const OperatorGraph& graph = *network.description().graph;
  std::vector<PruneScope> scopes = channel_scopes(graph);
  for (PruneScope& scope : head_scopes(graph)) scopes.push_back(std::move(scope));
  return scopes;
}

/// Random units of each scope: of all layers that make them, or of each layer its own, so that most are still made by
/// another.
void mask_filters_at_random(Network& network, double fraction, bool coupled, std::uint64_t seed) {
  NamedTensors masks = network.masks();
  RandomStream random(seed, "filters");
  for (const PruneScope& scope : scopes_of(network)) {
    const auto draw = [&] {
      std::set<std::int64_t> gone;
      for (std::int64_t unit = 0; unit < scope.units; ++unit)
        if (random.uniform() < fraction) gone.insert(unit);
      return gone;
    };
    std::set<std::int64_t> gone = draw();
    for (const ScopeMember& member : scope.members) {
      if (member.part != ScopeMember::Part::outputs) continue;
      mask_outputs(masks, member, scope.units, gone);
      if (!coupled) gone = draw();
    }
  }
  network.set_masks(masks);
}

void mask_layer(Network& network, const std::string& layer, const std::set<std::int64_t>& outputs) {
  NamedTensors masks = network.masks();
  for (const std::int64_t output : outputs) tensor_called(masks, layer + ".weight")[output].zero_();
  network.set_masks(masks);
}

/// It computes what the masked network does, and every unit without weights left it or is named with a reason. Returns
/// how many left.
std::size_t expect_folded(const Network& whole, double tolerance = 1e-10) {
  const at::NoGradGuard no_grad;
  const FoldedNetwork folded = folded_network(whole);
  const Network small = network_of(folded, whole);
  const at::Tensor examples = random_examples(whole.description(), whole.named()[0].leaf.scalar_type());
  const at::Tensor expected = whole.forward(examples);
  const double difference = small.forward(examples).sub(expected).abs().max().item<double>();
  EXPECT_LE(difference, tolerance * expected.abs().max().item<double>());

  std::map<std::string, std::set<std::int64_t>> named;
  for (const StayingUnits& staying : folded.staying) {
    EXPECT_FALSE(staying.reason.empty()) << staying.scope;
    named[staying.scope].insert(staying.units.begin(), staying.units.end());
  }
  std::size_t left = 0;
  NamedTensors weights = whole.weights();
  for (const PruneScope& scope : scopes_of(whole)) {
    std::set<std::int64_t> emptied, gone;
    for (const ScopeMember& member : scope.members) {
      if (member.part != ScopeMember::Part::outputs) continue;
      const auto kept = std::ranges::find(folded.kept, member.layer + ".weight", &KeptTensor::name);
      const std::vector<std::int64_t>& slices = kept->kept[static_cast<std::size_t>(member.dimension)];
      const at::Tensor used = tensor_called(weights, member.layer + ".weight").ne(0).movedim(member.dimension, 0);
      std::set<std::int64_t> with_weights;
      for (std::int64_t slice = 0; slice < member.slices(scope.units); ++slice) {
        if (used[slice].any().item<bool>()) with_weights.insert(member.unit(slice));
        if (!std::ranges::binary_search(slices, slice)) gone.insert(member.unit(slice));
      }
      for (std::int64_t unit = 0; unit < scope.units; ++unit)
        if (!with_weights.contains(unit)) emptied.insert(unit);
    }
    for (const std::int64_t unit : emptied)
      EXPECT_NE(gone.contains(unit), named[scope.name].contains(unit)) << scope.name << " " << unit;
    for (const std::int64_t unit : gone) EXPECT_TRUE(emptied.contains(unit)) << scope.name << " " << unit;
    left += gone.size();
  }
  return left;
}

class EveryModelFolded : public testing::TestWithParam<std::string> {};

TEST_P(EveryModelFolded, ComputesWhatTheMaskedOneDoes) {
  const ModelEntry& entry = find_model(GetParam());
  const std::string name = std::string(entry.name) + std::string(entry.sizes);
  const ModelDescription model = describe_model({name, entry.images, 10});
  RandomStream random(3, GetParam());
  for (const bool coupled : {true, false}) {
    const double fraction = 0.1 + 0.8 * random.uniform();
    SCOPED_TRACE((coupled ? "coupled " : "layer by layer ") + std::to_string(fraction));
    Network network = network_with_shifts(model);
    if (scopes_of(network).empty()) return;
    mask_filters_at_random(network, fraction, coupled, 3);
    EXPECT_TRUE(expect_folded(network) > 0 || !coupled);
  }
}

std::vector<std::string> names_of_models() {
  std::vector<std::string> names;
  for (const ModelEntry& entry : list_models()) names.emplace_back(entry.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryModelFolded, testing::ValuesIn(names_of_models()), [](const auto& one) {
  std::string name = one.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

/// conv1-bn1-ReLU and a convolution without bias that reads it.
ModelDescription two_convolutions(std::int64_t padding) {
  return built_model("two", {2, 6, 6}, 3, [padding](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", graph.batch_norm("bn1", graph.conv2d("conv1", x, {4, 3, 1, 1})));
    x = graph.conv2d("conv2", x, {5, 3, 1, padding, false});
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

/// What zeros become through the norm: 0.5 and -0.5 in turn.
Network with_known_shifts(const ModelDescription& model, c10::ScalarType type = at::kDouble) {
  Network network = network_with_shifts(model, type);
  NamedTensors weights = network.weights();
  for (const char* zero : {"conv1.bias", "bn1.running_mean"}) tensor_called(weights, zero).zero_();
  at::Tensor& shifts = tensor_called(weights, "bn1.bias");
  for (std::int64_t i = 0; i < shifts.numel(); ++i) shifts[i] = i % 2 == 0 ? 0.5 : -0.5;
  network.set_weights(weights);
  return network;
}

std::vector<std::string> texts(const FoldedNetwork& folded) {
  std::vector<std::string> all;
  for (const StayingUnits& staying : folded.staying) all.push_back(to_string(staying));
  return all;
}

TEST(FoldedNetwork, AShiftGoesIntoABiasThatTheReaderDidNotHave) {
  Network network = with_known_shifts(two_convolutions(0));
  mask_layer(network, "conv1", {0, 1});
  EXPECT_EQ(expect_folded(network), 2U);
  FoldedNetwork folded = folded_network(network);
  EXPECT_THAT(folded.folded, ElementsAre("conv2.bias"));
  NamedTensors weights = network.weights();
  const at::Tensor expected = tensor_called(weights, "conv2.weight").select(1, 0).sum({1, 2}).mul(0.5);
  EXPECT_TRUE(at::allclose(tensor_called(folded.tensors, "conv2.bias"), expected));
}

TEST(FoldedNetwork, BesidePaddingOnlyWhatIsZeroLeaves) {
  Network network = with_known_shifts(two_convolutions(1));
  mask_layer(network, "conv1", {0, 1, 2});
  EXPECT_EQ(expect_folded(network), 1U);
  const FoldedNetwork folded = folded_network(network);
  EXPECT_THAT(folded.folded, IsEmpty());
  EXPECT_THAT(texts(folded), ElementsAre("2 units of conv1 stay masked: conv2 would add different numbers at "
                                         "different places, with its padding of 1 x 1"));
}

TEST(FoldedNetwork, TapsThatAreMaskedMeetNoPadding) {
  Network network = with_known_shifts(two_convolutions(1));
  mask_layer(network, "conv1", {0});
  NamedTensors masks = network.masks();
  at::Tensor read = tensor_called(masks, "conv2.weight").select(1, 0);  // of [5, 3, 3] the middle stays
  read.zero_();
  read.select(1, 1).select(1, 1).fill_(1);
  network.set_masks(masks);
  EXPECT_EQ(expect_folded(network), 1U);
}

TEST(FoldedNetwork, SinglePrecisionIsEqualToItsRounding) {
  Network network = with_known_shifts(two_convolutions(0), at::kFloat);
  mask_layer(network, "conv1", {0, 3});
  EXPECT_EQ(expect_folded(network, 1e-5), 2U);
}

TEST(FoldedNetwork, OneUnitOfALayerStays) {
  Network network = with_known_shifts(two_convolutions(0));
  mask_layer(network, "conv1", {0, 1, 2, 3});
  EXPECT_EQ(expect_folded(network), 3U);
  EXPECT_THAT(texts(folded_network(network)),
              ElementsAre("1 unit of conv1 stays masked: one of a layer's has to stay"));
}

TEST(FoldedNetwork, WhatGroupsAndTransposedLayersReadIsFolded) {
  const ModelDescription model = built_model("others", {2, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", graph.batch_norm("bn1", graph.conv2d("conv1", x, {4, 3, 1, 1})));
    x = graph.conv2d("grouped", x, {6, 3, 1, 0, true, 2});
    const ValueIndex weight = graph.parameter("up.weight", {6, 3, 1, 1}, ParameterRole::weight);
    const std::vector<std::int64_t> one{1, 1}, none{0, 0};
    x = graph.add("ConvTranspose", "up", {x, weight},
                  {{"strides", one}, {"padding", none}, {"dilations", one}, {"output_padding", none}, {"groups", 1}});
    return graph.linear("fc", graph.flatten(x), 2);
  });
  Network network = with_known_shifts(model);
  mask_layer(network, "conv1", {0, 2});  // the same of both groups
  mask_layer(network, "grouped", {1, 4});
  EXPECT_EQ(expect_folded(network), 2U);
  EXPECT_THAT(folded_network(network).folded, ElementsAre("grouped.bias", "up.bias"));
}

TEST(FoldedNetwork, WhatAPoolMixesWithPaddingStays) {
  const ModelDescription model = built_model("padded pool", {2, 6, 6}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.batch_norm("bn1", graph.conv2d("conv1", x, {4, 3, 1, 1}));
    const std::vector<std::int64_t> none{0, 0, 0, 0}, sides{0, 0, 1, 1};
    x = graph.add("Pad", "pad", {x}, {{"before", sides}, {"after", none}, {"value", 0.0}});
    return graph.linear("fc", graph.flatten(graph.conv2d("conv2", x, {2, 3})), 3);
  });
  Network network = with_known_shifts(model);
  mask_layer(network, "conv1", {2});
  EXPECT_EQ(expect_folded(network), 0U);
  EXPECT_THAT(texts(folded_network(network)),
              ElementsAre("1 unit of conv1 stays masked: conv2 is given different numbers at different places"));
}

}  // namespace
}  // namespace espalier
