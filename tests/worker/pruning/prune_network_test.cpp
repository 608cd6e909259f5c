#include "worker/pruning/prune_network.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "tests/experiments/models/built_model.h"
#include "tests/experiments/sweep_story.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"
#include "worker/pruning/network_paths.h"

namespace espalier {
namespace {

ValueIndex conv_norm(GraphBuilder& graph, const std::string& conv, const std::string& norm, ValueIndex x) {
  return graph.batch_norm(norm, graph.conv2d(conv, x, {8, 3, 1, 1, false}));
}

/// One residual block between a first convolution and the output, or none; 8 channels.
ModelDescription one_block_resnet(bool with_block = true) {
  return built_model("resnet", {1, 6, 6}, 3, [&](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", conv_norm(graph, "conv1", "bn1", x));
    if (with_block) {
      graph.begin_block("block", x);
      ValueIndex body = graph.relu("block.relu1", conv_norm(graph, "block.conv1", "block.bn1", x));
      body = conv_norm(graph, "block.conv2", "block.bn2", body);
      x = graph.end_block(graph.relu("block.relu2", graph.sum(body, x)));
    }
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
}

Network drawn_with_shifts(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  // Norms that shift, so that a channel whose shift stayed would show.
  for (const Parameter& parameter : network.named()) {
    if (parameter.role == Parameter::Role::bias) parameter.leaf.data().fill_(0.25);
  }
  return network;
}

Pruned prune(Network& network, const std::string& granularity, const PruneTarget& target,
             const char* criterion = "magnitude", const std::string& ranking = "") {
  PruneSpec spec;
  spec.criterion = criterion;
  spec.granularity = granularity;
  spec.ranking = ranking;
  const PruneBatches none(spec, nullptr, 7, 0, kCpu);
  return prune_network(network, {spec, target, 7, true, none});
}

const at::Tensor& tensor(const NamedTensors& tensors, const std::string& name) {
  return std::ranges::find(tensors, name, [](const auto& entry) -> const std::string& { return entry.first; })->second;
}

std::int64_t kept_of(const Pruned& pruned, const std::string& layer) {
  return std::ranges::find(pruned.layers, layer, &LayerCount::layer)->kept;
}

TEST(PruneNetwork, FiltersGoByTheirNorm) {
  Network network = drawn_with_shifts(one_block_resnet());
  const at::Tensor norms = network.prunable()[1].weight.flatten(1).norm(2, 1);
  const Pruned pruned = prune(network, "filter l2", {2 + 3 + 4, {2, 3, 4}});
  const at::Tensor mask = network.prunable()[1].mask.flatten(1);
  EXPECT_EQ(pruned.layers[1].requested, 3 * 72);
  EXPECT_EQ(pruned.layers[1].kept, 3 * 72);
  EXPECT_EQ(kept_of(pruned, "fc"), 24);  // no filter
  EXPECT_TRUE(at::equal(mask.amin(1), mask.amax(1)));
  const at::Tensor least_kept = norms.masked_select(mask.amin(1).to(at::kBool)).min();
  EXPECT_TRUE(norms.masked_select(mask.amin(1).eq(0)).max().item<float>() < least_kept.item<float>());
  EXPECT_FALSE(has_tensor(pruned.masks, "bn1.weight"));
}

TEST(PruneNetwork, ARemovedChannelIsSilentEverywhere) {
  Network network = drawn_with_shifts(one_block_resnet());
  const Pruned pruned = prune(network, "channel l2", {4 + 8, {4, 8}});
  const at::Tensor gone = tensor(pruned.masks, "bn1.weight").eq(0);
  EXPECT_EQ(gone.sum().item<std::int64_t>(), 4);
  EXPECT_TRUE(at::equal(tensor(pruned.masks, "bn1.bias"), tensor(pruned.masks, "bn1.weight")));
  EXPECT_TRUE(at::equal(tensor(pruned.masks, "block.bn2.bias"), tensor(pruned.masks, "bn1.weight")));
  EXPECT_TRUE(at::equal(tensor(pruned.masks, "block.conv2.weight").amax({1, 2, 3}),
                        tensor(pruned.masks, "conv1.weight").amax({1, 2, 3})));
  // What reads the removed channels may be anything: the output does not change.
  const at::Tensor images = at::linspace(-1, 1, 72).view({2, 1, 6, 6});
  const at::NoGradGuard no_grad;
  const at::Tensor before = network.forward(images);
  for (const Parameter& parameter : network.named()) {
    if (parameter.name == "fc.weight") parameter.leaf.data().masked_fill_(gone.view({1, 8}), 100);
    if (parameter.name == "block.conv1.weight") parameter.leaf.data().masked_fill_(gone.view({1, 8, 1, 1}), 100);
  }
  EXPECT_TRUE(at::equal(network.forward(images), before));
}

TEST(PruneNetwork, ARemovedBlockIsTheIdentity) {
  Network network = drawn_with_shifts(one_block_resnet());
  prune(network, "layer l2", {0, {}});
  Network without(one_block_resnet(false), kCpu);
  without.set_weights(network.weights());
  const at::Tensor images = at::linspace(-1, 1, 72).view({2, 1, 6, 6});
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(network.forward(images), without.forward(images)));
}

TEST(PruneNetwork, HeadsGoFromAllFourLayers) {
  const ModelDescription model = built_model("attention", {1, 4, 8}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.mean_tokens(graph.attention("attn", graph.rows(x), 4)), 3);
  });
  Network network = drawn_with_shifts(model);
  const Pruned pruned = prune(network, "head l2", {3, {}});
  for (const char* layer : {"attn.q", "attn.k", "attn.v", "attn.o"}) EXPECT_EQ(kept_of(pruned, layer), 48) << layer;
  EXPECT_TRUE(at::equal(tensor(pruned.masks, "attn.q.weight").select(1, 0),
                        tensor(pruned.masks, "attn.o.weight").select(0, 0)));
  EXPECT_TRUE(at::equal(tensor(pruned.masks, "attn.q.weight").select(1, 0), tensor(pruned.masks, "attn.q.bias")));
  EXPECT_FALSE(has_tensor(pruned.masks, "attn.o.bias"));
}

TEST(PruneNetwork, RowsOfTheirOwnAndGroups) {
  const ModelDescription model = built_model("mlp", {8, 1, 1}, 4, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc2", graph.relu("relu1", graph.linear("fc1", graph.flatten(x), 12)), 4);
  });
  Network network = drawn_with_shifts(model);
  prune(network, "weight", {12 * 3 + 4 * 6, {12 * 3, 4 * 6}}, "magnitude", "per_row");
  EXPECT_TRUE(at::equal(network.prunable()[0].mask.sum(1), at::full({12}, 3.0F)));
  Network other = drawn_with_shifts(model);
  const Pruned pruned = prune(other, "2:4", {48 + 24, {}});
  EXPECT_TRUE(at::equal(other.prunable()[0].mask.view({12, 2, 4}).sum(2), at::full({12, 2}, 2.0F)));
  EXPECT_EQ(pruned.layers[0].requested, 48);
}

// Of 40 30 20 10 / 4 3 2 1 half stay: 40 30 20 10 where all are ranked together, 40 30 / 4 3 row by row.
TEST(PruneNetwork, ALayerAloneIsPrunedAsThePruneDoesIt) {
  const ModelDescription model = linear_model("one", 4, 2);
  for (const std::string ranking : {"", "per_row"}) {
    Network network(model, kCpu);
    network.set_weights({{"fc.weight", at::tensor({40.0F, 30.0F, 20.0F, 10.0F, 4.0F, 3.0F, 2.0F, 1.0F}).view({2, 4})},
                         {"fc.bias", at::zeros({2})}});
    PruneSpec spec;
    spec.criterion = "magnitude";
    spec.granularity = "weight";
    spec.ranking = ranking;
    const PruneBatches none(spec, nullptr, 7, 0, kCpu);
    const PruneTarget half{4, {4}};
    std::vector<at::Tensor> alone;
    prune_each_alone(network, {spec, half, 7, true, none}, {0.5, 0.4}, [&](const PrunedAlone& one) {
      alone.push_back(tensor(one.masks, "fc.weight").to(at::kLong));
      EXPECT_EQ(one.kept, alone.size() == 1 || ranking == "per_row" ? 4 : 5);  // two of 2.4 a row, or 5 of 4.8
      EXPECT_EQ(alone.back().sum().item<std::int64_t>(), one.kept);
    });
    ASSERT_EQ(alone.size(), 2U);
    const at::Tensor expected = ranking.empty() ? at::tensor({1, 1, 1, 1, 0, 0, 0, 0}, at::kLong)
                                                : at::tensor({1, 1, 0, 0, 1, 1, 0, 0}, at::kLong);
    EXPECT_TRUE(at::equal(alone[0].flatten(), expected)) << ranking << alone[0];
    prune_network(network, {spec, half, 7, true, none});
    EXPECT_TRUE(at::equal(network.prunable()[0].mask.to(at::kLong), alone[0])) << ranking;
  }
}

TEST(PruneNetwork, ACriterionRefusesANetworkThatIsTooLargeForIt) {
  const std::int64_t rows = find_criterion("obs").most_weights / 100;
  for (const std::int64_t more : {0, 1}) {
    Network network(linear_model("mlp", 100, rows + more), kCpu);
    std::string message;
    try {
      prune(network, "weight", {1, {}}, "obs");
    } catch (const Error& error) {
      message = error.what();
    }
    const bool takes_it =
        message.find("obs takes networks of up to 3000 prunable weights, and mlp has 3100") == std::string::npos;
    EXPECT_EQ(takes_it, more == 0) << message;  // it has no batches to look at
  }
}

TEST(PruneNetwork, RoundsNeverBringAnythingBack) {
  Network network = drawn_with_shifts(one_block_resnet());
  const Pruned first = prune(network, "weight", {600, {}});
  const Pruned second = prune(network, "weight", {200, {}});
  for (std::size_t i = 0; i < first.masks.size(); ++i)
    EXPECT_TRUE(at::equal(first.masks[i].second.mul(second.masks[i].second), second.masks[i].second));
  std::int64_t kept = 0;
  for (const LayerCount& layer : second.layers) kept += layer.kept;
  EXPECT_EQ(kept, 200);
}

TEST(PruneNetwork, RandomUnitsDoNotFavorLargeOnes) {
  // Of coupled channels of many weights and single ones of few, a reduced random score would always keep the former.
  std::int64_t large = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Network network = drawn_with_shifts(one_block_resnet());
    PruneSpec spec;
    spec.criterion = "random";
    spec.granularity = "channel l2";
    const PruneBatches none(spec, nullptr, seed, 0, kCpu);
    const PruneTarget target{8, {}};
    const Pruned pruned = prune_network(network, {spec, target, seed, true, none});
    large += tensor(pruned.masks, "bn1.weight").sum().item<std::int64_t>();
  }
  EXPECT_GT(large, 40 * 4 - 40);
  EXPECT_LT(large, 40 * 4 + 40);
}

TEST(PruneNetwork, AnEmptiedLayerIsToldOrRefused) {
  Network network = drawn_with_shifts(one_block_resnet());
  const PruneTarget target{72 * 8 * 2 + 24, {0, 576, 576, 24}};
  EXPECT_EQ(prune(network, "weight", target).emptied, (std::vector<std::string>{"conv1"}));
  PruneSpec spec;
  spec.criterion = "magnitude";
  spec.refuse_empty = true;
  const PruneBatches none(spec, nullptr, 7, 0, kCpu);
  Network other = drawn_with_shifts(one_block_resnet());
  try {
    prune_network(other, {spec, target, 7, true, none});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_NE(std::string(error.what()).find("conv1"), std::string::npos);
  }
}

/// What ReLUs give, all batches put together.
class SeenRelus : public ForwardObserver {
 public:
  std::map<std::string, at::Tensor> outputs;
  void on_relu(const std::string& relu, const at::Tensor& output) override { outputs[relu] = output; }
};

/// resnet-20 with scales, shifts and statistics as after a training.
Network seasoned_resnet20() {
  Network network(describe_model({"resnet-20", {3, 8, 8}, 4}), kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  NamedTensors weights = network.weights();
  for (auto& [name, values] : weights) {
    if (values.dim() != 1 || name.starts_with("fc")) continue;
    const at::Tensor waves =
        at::arange(values.numel(), at::kFloat).mul(static_cast<double>(name.size())).add(0.3).sin();
    values.add_(waves, name.ends_with("bias") ? 0.5 : 0.4);
  }
  network.set_weights(weights);
  return network;
}

/// As a sweep with these keys of prune would prune resnet-20, by 16 examples.
Pruned prune_as_swept(Network& network, const std::string& keys, const at::Tensor& images) {
  const auto trials = trials_of(
      "sweep: s\ndataset: cifar10\nmodel: resnet-20\nseeds: 1\ndense: false\ntrain: {lr: 0.1, epochs: 1}\n"
      "prune: {granularity: filter, sparsity: 0.3, " +
      keys + "}\ncontrols: []\n");
  const PruneConfig& config = *trials.at(0).config->prune;
  PruneSpec spec;
  static_cast<PruneRule&>(spec) = config;
  DatasetSpec dataset{"x", "x", 16, 0, 16, {3, 8, 8}, 4, 0};
  Examples set{16, {}, std::vector<std::int64_t>(16, 0), {}};
  set.values.assign(images.data_ptr<float>(), images.data_ptr<float>() + images.numel());
  const ResidentDataset data({set, {}, set}, dataset, kCpu);
  const PruneBatches batches(spec, config.batches > 0 ? &data : nullptr, 7, 0, kCpu);
  return prune_network(network, {spec, config.rounds.at(0), 7, true, batches});
}

/// The masks of the filters under one ranking of all these scores; undefined where a layer is not ranked.
std::vector<at::Tensor> ranked(const std::vector<at::Tensor>& scores, double sparsity) {
  std::vector<at::Tensor> given;
  for (const at::Tensor& one : scores) {
    if (one.defined()) given.push_back(one);
  }
  const at::Tensor all = at::cat(given);
  const auto kept = std::llround(static_cast<double>(all.numel()) * (1 - sparsity));
  const at::Tensor order = std::get<1>(all.sort(true, 0, true));
  const at::Tensor mask = at::zeros_like(all).index_fill_(0, order.narrow(0, 0, kept), 1);
  std::vector<at::Tensor> masks;
  std::int64_t first = 0;
  for (const at::Tensor& one : scores) {
    masks.push_back(one.defined() ? mask.narrow(0, first, one.numel()) : at::Tensor());
    first += one.defined() ? one.numel() : 0;
  }
  return masks;
}

class OutputCriterion : public testing::TestWithParam<std::string> {};

// Liu et al. 2017 rank |gamma|, Hu et al. 2016 the share of zeros, over the whole network, whatever a filter's size.
TEST_P(OutputCriterion, RanksItsOwnScoreOverTheWholeNetwork) {
  const at::NoGradGuard no_grad;
  Network network = seasoned_resnet20();
  const at::Tensor images = at::arange(16 * 192, at::kFloat).mul(12.9898).sin().view({16, 3, 8, 8});
  SeenRelus seen;
  network.forward(images, {Mode::evaluate, &seen});
  std::vector<at::Tensor> scores;
  const std::vector<PrunableLayer> layers = prunable_layers(network.description());
  for (const PrunableLayer& layer : layers) {
    at::Tensor& score = scores.emplace_back();
    if (!layer.is_conv()) continue;
    if (GetParam() == "apoz") {
      if (!layer.activation.empty()) score = seen.outputs.at(layer.activation).ne(0).to(at::kDouble).mean({0, 2, 3});
    } else if (!layer.norm.empty()) {
      score = tensor(network.weights(), layer.norm + ".weight").abs().clone();
    }
  }
  const std::vector<at::Tensor> expected = ranked(scores, 0.3);
  prune_as_swept(network, "method: " + GetParam() + (GetParam() == "apoz" ? ", batch_size: 16" : ""), images);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const at::Tensor mask = network.prunable()[i].mask.flatten(1);
    const at::Tensor filters = mask.amin(1);
    EXPECT_TRUE(at::equal(filters, mask.amax(1)));
    if (!expected[i].defined()) {
      EXPECT_TRUE(filters.all().item<bool>()) << layers[i].name;
    } else {
      EXPECT_TRUE(at::equal(filters.to(at::kFloat), expected[i].to(at::kFloat))) << layers[i].name;
    }
  }
  EXPECT_TRUE(has_path(network));
}

INSTANTIATE_TEST_SUITE_P(Catalog, OutputCriterion, testing::Values("bn_scale", "apoz"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace espalier
