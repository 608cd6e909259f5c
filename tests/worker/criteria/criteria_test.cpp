#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/criteria/criterion.h"
#include "worker/network/initialization.h"
#include "worker/selection/selection.h"

// What holds for every criterion of the catalog, and SynFlow's laws. Their numbers are compared with other programs' in
// golden/.

namespace espalier {
namespace {

/// Convolutions with norms, a residual with a projection, a Linear layer: every kind of layer that a score is for.
ModelDescription every_kind_of_layer() {
  return built_model("small", {2, 6, 6}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    graph.begin_block("r", x);
    ValueIndex body = graph.batch_norm("r.bn", graph.conv2d("r.conv", x, {6, 3, 2, 1, false}));
    body = graph.conv2d("r.conv2", graph.relu("r.relu", body), {6, 3, 1, 1, false});
    body = graph.batch_norm("r.bn2", body);
    const ValueIndex shortcut = graph.conv2d("r.shortcut", x, {6, 1, 2, 0, false});
    x = graph.end_block(graph.relu("out", graph.sum(body, shortcut)));
    x = graph.relu("relu1", graph.linear("fc1", graph.global_average_pool(x), 8));
    return graph.linear("fc2", x, 3);
  });
}

ModelDescription bias_free_mlp(std::int64_t in, std::int64_t width, int hidden, std::int64_t classes) {
  return built_model("mlp", {in, 1, 1}, classes, [&](GraphBuilder& graph, ValueIndex x) {
    x = graph.flatten(x);
    for (int i = 0; i < hidden; ++i) {
      const std::string place = std::to_string(i);
      x = graph.relu("relu" + place, graph.linear("fc" + place, x, width, false));
    }
    return graph.linear("out", x, classes, false);
  });
}

/// `draw` of the seed; norms with scales and statistics that matter.
Network initialized_with_norms(const ModelDescription& model, std::uint64_t seed) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, seed);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights) {
    if (name.find("bn") == std::string::npos) continue;
    tensor.add_(at::linspace(-0.3, 0.4, tensor.numel()));
  }
  network.set_weights(weights);
  return network;
}

Batch criterion_batch(const ModelDescription& model, std::int64_t index) {
  constexpr std::int64_t kExamples = 5;
  const std::int64_t values = kExamples * model.input[0] * model.input[1] * model.input[2];
  const at::Tensor images = at::arange(values, at::kFloat).mul(12.9898 + static_cast<double>(index)).sin();
  return {images.view({kExamples, model.input[0], model.input[1], model.input[2]}),
          at::arange(kExamples, at::kLong).add(index).remainder(model.classes)};
}

CriterionContext criterion_context(Network& network, std::string_view criterion) {
  return {network,
          true,
          7,
          2,
          [model = network.description()](std::int64_t index) { return criterion_batch(model, index); },
          default_options(find_criterion(criterion))};
}

Scores score(Network& network, const std::string& criterion) {
  return find_score(criterion)(criterion_context(network, criterion));
}

/// Batch norms by the batch's statistics, on a network whose running ones are far from them.
Scores score_by_batch_norms(Network& network, const std::string& criterion) {
  CriterionContext context = criterion_context(network, criterion);
  context.mode = Mode::batch_statistics;
  return find_score(criterion)(context);
}

bool same_tensors(const NamedTensors& a, const NamedTensors& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !at::equal(a[i].second, b[i].second)) return false;
  }
  return true;
}

/// Every third weight of the first layer is gone.
void mask_some(Network& network) {
  NamedTensors masks = network.masks();
  masks[0].second =
      at::arange(masks[0].second.numel(), at::kLong).remainder(3).ne(0).to(at::kByte).view(masks[0].second.sizes());
  network.set_masks(masks);
}

class EveryCriterion : public testing::TestWithParam<std::string> {};

TEST_P(EveryCriterion, ScoresEachWeightAndLeavesTheNetworkAsItWas) {
  Network network = initialized_with_norms(every_kind_of_layer(), 1);
  mask_some(network);
  const NamedTensors weights = network.weights(), masks = network.masks();
  const Scores scores = score(network, GetParam()), again = score(network, GetParam());
  ASSERT_EQ(scores.size(), network.prunable().size());
  std::size_t scored = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ASSERT_EQ(scores[i].defined(), again[i].defined());
    if (!scores[i].defined()) continue;
    ++scored;
    EXPECT_EQ(scores[i].sizes(), network.prunable()[i].weight.sizes());
    EXPECT_EQ(scores[i].scalar_type(), at::kFloat);
    EXPECT_FALSE(scores[i].requires_grad());
    EXPECT_TRUE(scores[i].isfinite().all().item<bool>());
    EXPECT_TRUE(at::equal(scores[i], again[i])) << "not deterministic";
  }
  const CriterionScores kind = find_criterion(GetParam()).scores;
  const bool all = kind == CriterionScores::scores_weights || kind == CriterionScores::draws_scores ||
                   kind == CriterionScores::scores_outputs;
  EXPECT_EQ(scored == scores.size(), all);
  EXPECT_GT(scored, 0U);
  EXPECT_TRUE(same_tensors(network.weights(), weights));
  EXPECT_TRUE(same_tensors(network.masks(), masks));
  EXPECT_TRUE(at::GradMode::is_enabled());
  for (const PrunableWeight& one : network.prunable()) EXPECT_FALSE(one.leaf.grad().defined()) << one.layer;
}

std::vector<std::string> scoring() {
  std::vector<std::string> names;
  for (const CriterionEntry& entry : list_criteria()) {
    if (entry.scores != CriterionScores::repairs_weights) names.emplace_back(entry.name);
  }
  return names;
}
TEST_P(EveryCriterion, TakesTheBatchsStatisticsWhereItLooksAtData) {
  Network network = initialized_with_norms(every_kind_of_layer(), 1);
  const NamedTensors weights = network.weights();
  const Scores running = score(network, GetParam()), batch = score_by_batch_norms(network, GetParam());
  EXPECT_TRUE(same_tensors(network.weights(), weights)) << "the kept statistics moved";
  bool differ = false;
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (!running[i].defined()) continue;
    EXPECT_TRUE(batch[i].isfinite().all().item<bool>());
    differ = differ || !at::equal(running[i], batch[i]);
  }
  const CriterionNeeds needs = find_criterion(GetParam()).needs;
  EXPECT_EQ(differ, needs == CriterionNeeds::needs_data || needs == CriterionNeeds::needs_gradient);
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryCriterion, testing::ValuesIn(scoring()),
                         [](const auto& instance) { return instance.param; });

TEST(Criteria, OutputsShareTheirScore) {
  Network network = initialized_with_norms(every_kind_of_layer(), 2);
  for (const char* name : {"apoz", "mean_activation", "bn_scale", "fpgm"}) {
    for (const at::Tensor& one : score(network, name)) {
      if (one.defined()) {
        EXPECT_TRUE(
            at::equal(one, one.flatten(1).select(1, 0).view({-1, 1}).expand({-1, one[0].numel()}).reshape(one.sizes())))
            << name;
      }
    }
  }
  const Scores scale = score(network, "bn_scale");
  EXPECT_FLOAT_EQ(scale[0].flatten()[0].item<float>(), 0.7F);  // |1 - 0.3|
  EXPECT_FALSE(scale[3].defined()) << "the projection has no norm";
}

TEST(Criteria, FpgmLeavesOutWhatIsGone) {
  // Three points on a line, at 0, 1 and 5, the last pruned: the first two are 1 apart.
  Network network(linear_model("line", 2, 3, false), kCpu);
  network.set_weights({{"fc.weight", at::tensor({0.0F, 2.0F, 1.0F, 2.0F, 5.0F, 2.0F}).view({3, 2})}});
  EXPECT_TRUE(at::allclose(score(network, "fpgm")[0].select(1, 0), at::tensor({6.0F, 5.0F, 9.0F})));
  network.set_masks({{"fc.weight", at::tensor({1, 1, 1, 1, 0, 0}, at::kByte).view({3, 2})}});
  EXPECT_TRUE(at::allclose(score(network, "fpgm")[0].select(1, 0).narrow(0, 0, 2), at::tensor({1.0F, 1.0F})));
}

TEST(Criteria, TaylorDoesNotCancelOverBatches) {
  Network network = initialized_with_norms(every_kind_of_layer(), 3);
  const Scores absolute = score(network, "taylor_absolute"), net = score(network, "weight_gradient"),
               squared = score(network, "taylor");
  for (std::size_t i = 0; i < net.size(); ++i) {
    EXPECT_TRUE(absolute[i].ge(net[i].sub(1e-6)).all().item<bool>());  // the mean of |x| is at least |mean of x|
    EXPECT_TRUE(squared[i].ge(absolute[i].square().sub(1e-6)).all().item<bool>());
  }
  EXPECT_GT(absolute[0].sum().item<double>(), 1.01 * net[0].sum().item<double>());
}

TEST(Criteria, MovementSumsAlongItsSteps) {
  Network network = initialized_with_norms(every_kind_of_layer(), 4);
  CriterionContext still = criterion_context(network, "movement"), moving = still;
  still.options["lr"] = 0;
  moving.options["lr"] = 0.5;
  const Scores fixed = score_movement(still), moved = score_movement(moving);
  std::vector<at::Tensor> by_hand;
  for (const at::Tensor& gradient : mean_gradients(still))
    by_hand.push_back(gradient.mul(network.prunable()[by_hand.size()].weight).mul(-2));
  for (std::size_t i = 0; i < fixed.size(); ++i) EXPECT_TRUE(at::allclose(fixed[i], by_hand[i], 1e-4, 1e-7));
  EXPECT_FALSE(at::allclose(fixed[0], moved[0], 1e-4, 1e-7));
}

TEST(Criteria, FisherIsTheSameOneByOne) {
  Network network = initialized_with_norms(every_kind_of_layer(), 5);
  const CriterionContext context = criterion_context(network, "obd_fisher");
  const Scores together = score_obd_fisher(context);
  CriterionContext single = context;
  single.batches = 10;
  single.batch = [model = network.description()](std::int64_t index) {
    const Batch batch = criterion_batch(model, index / 5);
    return Batch{batch.inputs.narrow(0, index % 5, 1), batch.labels.narrow(0, index % 5, 1)};
  };
  // Of batches of one example, the mean square of the batch's gradient is that of the example's.
  const Scores one_by_one = score_taylor(single);
  for (std::size_t i = 0; i < together.size(); ++i)
    EXPECT_TRUE(at::allclose(together[i].mul(2), one_by_one[i], 1e-4, 1e-9)) << network.prunable()[i].layer;
}

TEST(SynFlow, ScoresByHand) {
  // W1 = [[1, -2], [3, 4]], W2 = [[-1, 2]]: R = 1 * 3 + 2 * 7 = 17.
  const auto two_layers = [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("b", graph.linear("a", graph.flatten(x), 2, false), 1, false);
  };
  Network network(built_model("two", {2, 1, 1}, 1, two_layers), kCpu);
  network.set_weights({{"a.weight", at::tensor({1.0F, -2.0F, 3.0F, 4.0F}).view({2, 2})},
                       {"b.weight", at::tensor({-1.0F, 2.0F}).view({1, 2})}});
  const Scores scores = score(network, "synflow");
  EXPECT_TRUE(at::equal(scores[0], at::tensor({1.0F, 2.0F, 6.0F, 8.0F}).view({2, 2})));
  EXPECT_TRUE(at::equal(scores[1], at::tensor({3.0F, 14.0F}).view({1, 2})));
}

TEST(SynFlow, IsConservedFromLayerToLayerAndThroughEachUnit) {
  Network network = initialized_with_norms(bias_free_mlp(784, 100, 6, 10), 6);
  CriterionContext context = criterion_context(network, "synflow");
  context.options["float64"] = 1;
  const Scores scores = score_synflow(context);
  const double first = scores[0].to(at::kDouble).sum().item<double>();
  for (std::size_t i = 1; i < scores.size(); ++i) {
    const at::Tensor into = scores[i - 1].to(at::kDouble).sum(1), out_of = scores[i].to(at::kDouble).sum(0);
    EXPECT_NEAR(out_of.sum().item<double>() / first, 1, 1e-6);
    EXPECT_TRUE(at::allclose(into, out_of, 1e-6, 0)) << "units between layers " << i - 1 << " and " << i;
  }
}

TEST(SynFlow, OverflowsFloat32WithAdvice) {
  Network network = initialized_with_norms(bias_free_mlp(16, 64, 30, 3), 7);
  network.parameters().mul_(20);
  CriterionContext context = criterion_context(network, "synflow");
  try {
    score_synflow(context);
    FAIL() << "nothing was said about scores that are infinite";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_NE(std::string(error.what()).find("float64: 1"), std::string::npos) << error.what();
  }
  context.options["float64"] = 1;
  const Scores scores = score_synflow(context);
  double largest = 0;
  for (const at::Tensor& one : scores) {
    EXPECT_TRUE(one.isfinite().all().item<bool>());
    largest = std::max(largest, one.max().item<double>());
  }
  EXPECT_GT(largest, 1e37);  // all layers by one factor
}

TEST(SynFlow, RefusesTokens) {
  const auto next_token = [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("head", graph.embedding("e", x, 5, 3), 5);
  };
  Network network(built_token_model("t", 4, 5, next_token), kCpu);
  try {
    score(network, "synflow");
    FAIL() << "tokens have no input of ones";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_NE(std::string(error.what()).find("takes tokens"), std::string::npos) << error.what();
  }
}

/// Layers left after pruning all to `kept` weights, in `rounds` of the criterion.
bool keeps_every_layer(const ModelDescription& model, std::uint64_t seed, const std::string& criterion, int rounds,
                       std::int64_t kept) {
  Network network = initialized_with_norms(model, seed);
  CriterionContext context = criterion_context(network, criterion);
  if (criterion == "synflow") context.options["float64"] = 1;
  NamedTensors masks = network.masks();
  std::int64_t all = 0;
  for (const auto& [name, mask] : masks) all += mask.numel();
  for (int round = 1; round <= rounds; ++round) {
    const Scores scores = find_score(criterion)(context);
    std::vector<ScoredLayer> layers;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto count = static_cast<std::size_t>(scores[i].numel());
      layers.push_back(
          {masks[i].first, {scores[i].data_ptr<float>(), count}, {masks[i].second.data_ptr<std::uint8_t>(), count}});
    }
    const double left =
        std::pow(static_cast<double>(kept) / static_cast<double>(all), static_cast<double>(round) / rounds);
    PruneTarget target;
    target.total_kept = round == rounds ? kept : std::llround(std::ceil(left * static_cast<double>(all)));
    const KeepMasks chosen = select_kept(layers, target);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      masks[i].second = at::tensor(chosen[i], at::kByte).view(masks[i].second.sizes());
    network.set_masks(masks);
  }
  return std::all_of(masks.begin(), masks.end(),
                     [](const auto& entry) { return entry.second.any().template item<bool>(); });
}

TEST(SynFlow, EmptiesNoLayerBeforeOthersDo) {
  // Tanaka et al. 2020, figure 1: in 100 rounds up to the largest compression there is, a weight for each layer.
  const ModelDescription model = bias_free_mlp(64, 30, 5, 10);
  const std::int64_t all = 64 * 30 + 4 * 30 * 30 + 30 * 10, layers = 6;
  for (const std::uint64_t seed : {11, 12}) {
    std::map<std::string, int> collapsed;
    for (double ratio = 1; ratio < std::log10(static_cast<double>(all) / layers); ratio += 0.5) {
      const auto kept = static_cast<std::int64_t>(static_cast<double>(all) * std::pow(10, -ratio));
      EXPECT_TRUE(keeps_every_layer(model, seed, "synflow", 100, kept)) << "10^" << ratio;
      for (const char* other : {"magnitude", "snip", "grasp", "synflow"})
        collapsed[other] += !keeps_every_layer(model, seed, other, 1, kept);
    }
    EXPECT_GT(collapsed["snip"] + collapsed["grasp"] + collapsed["magnitude"], 0) << "the comparison shows nothing";
    EXPECT_GT(collapsed["synflow"], 0) << "one round would have done";
  }
}

}  // namespace
}  // namespace espalier
