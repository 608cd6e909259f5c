// Scores of the network that lost units, computed by the smaller one, beside those under masks.
#include "worker/pruning/shrunk_scores.h"

#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

/// Convolutions, one depthwise and one in groups; a residual block; a layer that reads flattened channels.
ModelDescription scored_convolutions() {
  return built_model("convolutions", {2, 6, 6}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {8, 3, 1, 1})));
    graph.begin_block("block", x);
    ValueIndex body =
        graph.relu("block.relu1", graph.batch_norm("block.bn1", graph.conv2d("block.c1", x, {6, 3, 1, 1})));
    body = graph.batch_norm("block.bn2", graph.conv2d("block.c2", body, {8, 3, 1, 1}));
    x = graph.end_block(graph.relu("block.relu2", graph.sum(body, x)));
    x = graph.relu("relu2", graph.batch_norm("bn2", graph.conv2d("down", x, {4, 3, 2, 1, false})));
    x = graph.relu("relu3", graph.linear("fc1", graph.flatten(x), 10));
    return graph.linear("fc2", x, 3);
  });
}

ModelDescription scored_attention() {
  return built_model("attention", {1, 4, 8}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.rows(x);
    graph.begin_block("layer", x);
    x = graph.end_block(graph.sum(graph.attention("attn", x, 4), x));
    x = graph.relu("relu1", graph.linear("fc1", x, 12));
    return graph.linear("fc2", graph.mean_tokens(x), 3);
  });
}

Network scored_network(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights)
    if (tensor.dim() == 1) tensor = tensor.add(at::linspace(0.1, 0.3, tensor.numel()));
  network.set_weights(weights);
  return network;
}

/// Every third unit of each scope leaves, but no whole scope.
void remove_some_units(Network& network, Kind kind) {
  NamedTensors masks = network.masks();
  for (const PruneScope& scope : prune_scopes(network.description(), {.kind = kind}, {})) {
    std::vector<std::uint8_t> kept;
    for (std::int64_t unit = 0; unit < scope.units; ++unit)
      kept.push_back(unit % 3 == 1 || (kind == Kind::layer) ? 0 : 1);
    mask_units(scope, {.kind = kind}, network, kept, false, masks);
  }
  network.set_masks(masks);
}

CriterionContext scoring_context(Network& network, const CriterionEntry& criterion) {
  return {network,
          true,
          7,
          2,
          [input = network.description().input](std::int64_t index) {
            const at::Tensor numbers = at::arange(6 * input[0] * input[1] * input[2], at::kFloat);
            return Batch{
                numbers.mul(12.9898 + static_cast<double>(index)).sin().view({6, input[0], input[1], input[2]}),
                at::arange(6, at::kLong).add(index).remainder(3)};
          },
          default_options(criterion)};
}

void expect_equal_unit_scores(Network& network, const CriterionEntry& criterion, Mode mode) {
  ASSERT_TRUE(ShrunkNetwork::of(network));
  CriterionContext context = scoring_context(network, criterion);
  context.mode = mode;
  const Scores masked = find_score(std::string(criterion.name))(context), shrunk = shrunk_scores(criterion, context);
  ASSERT_EQ(masked.size(), shrunk.size());
  for (const Kind kind : {Kind::channel, Kind::head, Kind::layer}) {
    for (const Reduction reduction : {Reduction::sum, Reduction::mean, Reduction::l2, Reduction::max}) {
      const Granularity granularity{.kind = kind, .reduction = reduction};
      std::vector<PruneScope> scopes;
      try {
        scopes = prune_scopes(network.description(), granularity, std::string(criterion.name), {});
      } catch (const Error&) {
        continue;  // nothing in this model
      }
      for (const PruneScope& scope : scopes) {
        SCOPED_TRACE(std::string(criterion.name) + " " + scope.name + " " + to_string(granularity));
        const UnitScores expected = score_units(scope, granularity, network, masked);
        const UnitScores units = score_units(scope, granularity, network, shrunk);
        EXPECT_EQ(units.surviving, expected.surviving);
        // Sums of signed scores before a norm are zero but for rounding: the scale is that of what is summed.
        double largest = 1e-12;
        for (const float one : score_units(scope, {.kind = kind, .reduction = Reduction::l1}, network, masked).scores)
          largest = std::max(largest, static_cast<double>(one));
        if (reduction != Reduction::sum) largest /= static_cast<double>(scope.weights / scope.units);
        for (std::size_t unit = 0; unit < units.scores.size(); ++unit) {
          if (units.surviving[unit] == 0) continue;
          EXPECT_NEAR(units.scores[unit], expected.scores[unit], 2e-4 * largest) << unit;
        }
      }
    }
  }
}

class EveryDataCriterion : public testing::TestWithParam<std::string> {};

TEST_P(EveryDataCriterion, ScoresUnitsOfTheSmallerNetworkAsThoseOfTheMasked) {
  const CriterionEntry& criterion = find_criterion(GetParam());
  for (const Kind kind : {Kind::channel, Kind::layer}) {
    Network network = scored_network(scored_convolutions());
    remove_some_units(network, kind);
    expect_equal_unit_scores(network, criterion, Mode::evaluate);
  }
  if (criterion.needs != CriterionNeeds::needs_example_gradients) {
    Network network = scored_network(scored_convolutions());
    remove_some_units(network, Kind::channel);
    expect_equal_unit_scores(network, criterion, Mode::batch_statistics);
  }
  Network network = scored_network(scored_attention());
  remove_some_units(network, Kind::head);
  expect_equal_unit_scores(network, criterion, Mode::evaluate);
}

std::vector<std::string> data_criteria() {
  std::vector<std::string> names;
  for (const CriterionEntry& one : list_criteria())
    if (one.needs != CriterionNeeds::needs_nothing && one.scores != CriterionScores::repairs_weights)
      names.emplace_back(one.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryDataCriterion, testing::ValuesIn(data_criteria()),
                         [](const auto& one) { return one.param; });

TEST(ShrunkScores, WhereNothingLeavesTheyAreTheMaskedBits) {
  Network network = scored_network(scored_convolutions());
  const CriterionEntry& criterion = find_criterion("snip");
  const CriterionContext context = scoring_context(network, criterion);
  const Scores masked = find_score("snip")(context), shrunk = shrunk_scores(criterion, context);
  for (std::size_t i = 0; i < masked.size(); ++i) EXPECT_TRUE(at::equal(masked[i], shrunk[i])) << i;
}

}  // namespace
}  // namespace espalier
