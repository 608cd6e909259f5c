// Layers with ratios of their own, rankings of layers built alike, and counts that are multiples.
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "experiments/catalog/catalog.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/experiments/expand/prune_sweep.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using Counts = std::vector<std::int64_t>;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string on_cifar(const std::string& prune, const std::string& rest, const std::string& model) {
  std::string sweep = prune_sweep("method: magnitude, granularity: channel, " + prune, rest, model);
  return sweep.replace(sweep.find("mnist"), 5, "cifar10");
}

std::vector<PruneTarget> rounds(const std::string& prune, const std::string& model = "resnet-20") {
  const auto made = trials_of(on_cifar(prune, "controls: []\n", model));
  return made.empty() ? std::vector<PruneTarget>(1) : made.front().config->prune->rounds;
}

PruneTarget target(const std::string& prune, const std::string& model = "resnet-20") {
  return rounds(prune, model).back();
}

std::vector<std::string> refused(const std::string& prune, const std::string& model = "resnet-20") {
  return problems(on_cifar(prune, "controls: []\n", model));
}

// resnet-20 has 448 channels in 12 scopes: the three that residuals join (conv1, block4.conv2 and block7.conv2, of 16,
// 32 and 64) and those inside of blocks: 16, 16, 16, 32, 32, 32, 64, 64 and 64.

// block1.* fits block1.conv1, and block1.conv2 of conv1's scope: 12 of 16 stay of both. The shortcuts are of the second
// and third joined scopes, of which the last pattern leaves the second alone. Of the 320 others, one half.
TEST(PruneRatios, LayersWithARatioLeaveTheRankingAndTheOthersReachTheSparsity) {
  const PruneTarget made =
      target("sparsity: 0.5, ratios: {\"block1.*\": 0.25, \"*.shortcut.0\": 0.5, block4.shortcut.0: 0}");
  EXPECT_THAT(made.layer_ranking, ElementsAre(0, 1, 2, 2, 2, 3, 2, 2, 2, 4, 2, 2));
  EXPECT_THAT(made.ranking_kept, ElementsAre(12, 12, 160, 32, 32));
  EXPECT_EQ(made.total_kept, 248);
  EXPECT_THAT(made.layer_kept, IsEmpty());
}

TEST(PruneRatios, CountsOfLayersTakeThem) {
  const PruneTarget made =
      target("sparsity: 0.5, allocation: uniform, ratios: {\"block?.conv1\": 0.75, block9.conv1: 0}");
  EXPECT_THAT(made.layer_kept, ElementsAre(8, 4, 4, 4, 8, 16, 8, 8, 16, 32, 16, 64));
  EXPECT_THAT(made.layer_ranking, IsEmpty());
}

// fc1 keeps a fifth of 235,200; of the 31,000 others erk spreads one half, and leaves all of fc3.
TEST(PruneRatios, WhatErkSpreadsIsTheTotalOfTheOthers) {
  const auto made =
      trials_of(prune_sweep("method: magnitude, sparsity: 0.5, allocation: erk, ratios: {fc1: 0.8}", "controls: []\n"));
  const PruneTarget& counts = made.at(0).config->prune->rounds.at(0);
  ASSERT_EQ(counts.layer_kept.size(), 3U);
  EXPECT_EQ(counts.layer_kept[0], 47040);
  EXPECT_EQ(counts.layer_kept[1] + counts.layer_kept[2], 15500);
  EXPECT_EQ(counts.layer_kept[2], 1000);
}

TEST(PruneRatios, EverySchedulesRoundsHaveThem) {
  const auto made = rounds("sparsity: 0.5, schedule: {linear: {rounds: 2}}, ratios: {\"block9.*\": 0.25}");
  ASSERT_EQ(made.size(), 2U);
  // block9.conv2 is of the third joined scope, block9.conv1 stands alone: 64 each, and 320 others.
  EXPECT_THAT(made[0].ranking_kept, ElementsAre(240, 56, 56));
  EXPECT_THAT(made[1].ranking_kept, ElementsAre(160, 48, 48));
}

TEST(PruneRatios, BoundsAreOfTheOthers) {
  const PruneTarget made =
      target("sparsity: 0.5, min_kept: 0.5, max_kept: {block9.conv1: 0.1}, ratios: {\"block9.*\": 0.75}");
  EXPECT_THAT(made.layer_least, ElementsAre(8, 8, 8, 8, 16, 16, 16, 16, 32, 0, 32, 0));
  EXPECT_EQ(made.layer_most.back(), 64);
  EXPECT_THAT(made.ranking_kept, ElementsAre(160, 16, 16));
}

TEST(PruneRatios, WhatCannotBeIsRefusedWithBothSides) {
  EXPECT_THAT(refused("sparsity: 0.5, ratios: {conv1: 0.5, \"block1.*\": 0.25}"),
              ElementsAre(HasSubstr("prune.ratios.block1.*: conv1 and block1.conv2 lose their channels together, and "
                                    "have ratios 0.5 (\"conv1\") and 0.25 (\"block1.*\"); give them one")));
  EXPECT_THAT(refused("sparsity: 0.5, ratios: {blokc1.conv1: 0.25}"),
              ElementsAre(HasSubstr("the model has no such layer: unknown \"blokc1.conv1\"; did you mean "
                                    "\"block1.conv1\"?")));
  EXPECT_THAT(refused("sparsity: 0.5, ratios: {fc: 0.25}"),
              ElementsAre(HasSubstr("\"fc\" fits layers whose channels stay anyway")));
  EXPECT_THAT(refused("sparsity: 0.5, ratios: {\"*\": 0.25}"),
              ElementsAre(HasSubstr("prune.ratios: ratios name every layer")));
  EXPECT_THAT(refused("sparsity: 0.5, ratios: 0.25"),
              ElementsAre(HasSubstr("prune.ratios: expected the sparsity of each layer or pattern")));
  EXPECT_THAT(refused("sparsity: 0.5, ratios: {conv1: 1}"), ElementsAre(HasSubstr("prune.ratios.conv1: expected")));
  EXPECT_THAT(refused("allocation: {\"*\": 0.5}, ratios: {conv1: 0}"),
              ElementsAre(HasSubstr("prune.ratios: allocation gives each layer its sparsity already")));
  EXPECT_THAT(refused("schedule: {iterative: {rate: 0.2, rounds: 3}}, ratios: {conv1: 0}"),
              ElementsAre(HasSubstr("prune.ratios: ratios stand beside sparsity")));
  EXPECT_THAT(refused("sparsity: 0.5, dialect: torch, ratios: {conv1: 0}"),
              ElementsAre(HasSubstr("prune.ratios: ratios is unknown to dialect torch")));
  EXPECT_THAT(problems(prune_sweep("method: obs, sparsity: 0.5, allocation: global, ratios: {fc1: 0}", "", "mlp-3")),
              ElementsAre(HasSubstr("prune.ratios: ratios does not fit criterion obs")));
}

// The joined scopes are built each in its own way, those inside of blocks all alike: one half of 336 of them.
TEST(Isomorphic, EveryClassOfLayersKeepsTheSameShare) {
  const PruneTarget made = target("sparsity: 0.5, allocation: isomorphic");
  EXPECT_THAT(made.layer_ranking, ElementsAre(0, 1, 1, 1, 1, 2, 1, 1, 1, 3, 1, 1));
  EXPECT_THAT(made.ranking_kept, ElementsAre(8, 168, 16, 32));
  EXPECT_EQ(made.total_kept, 224);
  const PruneTarget ratios = target("sparsity: 0.5, allocation: isomorphic, ratios: {block2.conv1: 0.25}");
  EXPECT_THAT(ratios.layer_ranking, ElementsAre(0, 1, 2, 1, 1, 3, 1, 1, 1, 4, 1, 1));
  EXPECT_THAT(ratios.ranking_kept, ElementsAre(8, 160, 12, 16, 32));
}

TEST(Isomorphic, OfSingleWeightsRanksConvolutionsAndLinearLayersApart) {
  const auto made =
      trials_of(prune_sweep("method: magnitude, sparsity: 0.5, allocation: isomorphic", "controls: []\n", "lenet-5"));
  const PruneTarget& counts = made.at(0).config->prune->rounds.at(0);
  EXPECT_THAT(counts.layer_ranking, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(counts.ranking_kept, ElementsAre(12750, 202500));
}

// Of 16, 32 and 64 at 0.7 stay 5, 10 and 19: 8, 8 and 16 are nearest.
TEST(Align, CountsOfLayersGoToTheNearestMultiple) {
  const PruneTarget made = target("sparsity: 0.7, allocation: uniform, align: 8");
  EXPECT_THAT(made.layer_kept, ElementsAre(8, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16));
  EXPECT_EQ(made.total_kept, 128);
  EXPECT_THAT(made.layer_multiple, IsEmpty());
  EXPECT_EQ(target("sparsity: 0.7, allocation: uniform, align: 1"), target("sparsity: 0.7, allocation: uniform"));
  EXPECT_EQ(target("sparsity: 0.5, allocation: uniform, align: 4"), target("sparsity: 0.5, allocation: uniform"));
}

TEST(Align, RankingsAreToldTheMultiples) {
  const PruneTarget made = target("sparsity: 0.7, align: 8");
  EXPECT_EQ(made.total_kept, 134);
  EXPECT_EQ(made.layer_multiple, std::vector<std::int64_t>(12, 8));
  // 0.3 of 16 without rivals is 5, and 8 the nearest; of 432 others 130.
  const PruneTarget ratios = target("sparsity: 0.7, align: 8, ratios: {block1.conv1: 0.7}");
  EXPECT_THAT(ratios.ranking_kept, ElementsAre(130, 8));
}

// 160 of 400 rows, which erk spreads; in multiples of 16, or all 100.
TEST(Align, ATotalIsHeldAsNearlyAsMultiplesAllow) {
  const auto made = trials_of(
      prune_sweep("method: magnitude, granularity: row, sparsity: 0.6, allocation: erk, align: 16", "controls: []\n"));
  const PruneTarget& counts = made.at(0).config->prune->rounds.at(0);
  ASSERT_EQ(counts.layer_kept.size(), 2U);
  EXPECT_EQ(counts.layer_kept[0] % 16, 0);
  EXPECT_TRUE(counts.layer_kept[1] % 16 == 0 || counts.layer_kept[1] == 100);
  EXPECT_LE(std::abs(counts.total_kept - 160), 8);
}

TEST(Align, RoundsOnlyShrink) {
  const auto made = rounds("sparsity: 0.9, allocation: uniform, align: 8, schedule: {linear: {rounds: 9}}");
  for (std::size_t i = 1; i < made.size(); ++i)
    for (std::size_t scope = 0; scope < 12; ++scope)
      EXPECT_LE(made[i].layer_kept[scope], made[i - 1].layer_kept[scope]);
}

TEST(Align, BoundsAreMultiplesToo) {
  const PruneTarget made = target("sparsity: 0.5, align: 8, min_kept: 0.3, max_kept: {\"block9.*\": 0.7}");
  EXPECT_THAT(made.layer_least, ElementsAre(8, 8, 8, 8, 16, 16, 16, 16, 24, 24, 24, 24));
  EXPECT_EQ(made.layer_most.back(), 40);
}

TEST(Align, WhatCannotBeIsRefusedAndWhatIsFarOffIsSaid) {
  EXPECT_THAT(problems(prune_sweep("method: magnitude, sparsity: 0.5, align: 8")),
              ElementsAre(HasSubstr("prune.align: rounds how many channels, filters, rows or heads a layer keeps, and "
                                    "granularity weight removes none of these")));
  EXPECT_THAT(refused("sparsity: 0.5, align: 0"), ElementsAre(HasSubstr("prune.align: expected")));
  EXPECT_THAT(refused("sparsity: 0.5, align: 8, dialect: torch"),
              ElementsAre(HasSubstr("prune.align: align is unknown to dialect torch")));
  EXPECT_THAT(refused("sparsity: 0.5, align: 64, allocation: uniform"),
              ElementsAre(HasSubstr("prune.align: 64 leaves all 448 channels where they are")));
  EXPECT_THAT(refused("sparsity: 0.5, align: 8, max_kept: {conv1: 0.2}"),
              ElementsAre(HasSubstr("prune.max_kept: allows 3 channels of conv1, of which align: 8 keeps 8 or more")));
  const Expansion far =
      expand_trials(spec_of(on_cifar("sparsity: 0.9, align: 16", "controls: []\n", "resnet-20")), mnist_sizes);
  EXPECT_THAT(texts(far.warnings), ElementsAre(HasSubstr("prune.align: 16 keeps 192 of 448 channels, where 45 were "
                                                         "asked for")));
}

// Each allocation with a ratio and multiples: refused for a reason of its own, or exact.
TEST(Align, EveryAllocationTakesBoth) {
  int taken = 0;
  for (const Variant<AllocationProperty>& allocation : list_allocations()) {
    for (const std::string granularity : {"channel", "filter"}) {
      std::string yaml = prune_sweep(
          "method: magnitude, granularity: " + granularity +
              ", sparsity: 0.6, ratios: {block5.conv1: 0.3}, align: 8, allocation: " + std::string(allocation.name),
          "controls: []\n", "resnet-20");
      yaml.replace(yaml.find("mnist"), 5, "cifar10");
      const Expansion made = expand_trials(spec_of(yaml), mnist_sizes);
      if (!made.diagnostics.empty()) {
        EXPECT_THAT(to_string(made.diagnostics[0]), HasSubstr("prune.allocation: " + std::string(allocation.name)));
        continue;
      }
      ++taken;
      const PruneConfig& prune = *made.trials.at(0).config->prune;
      const PruneTarget& counts = prune.rounds.back();
      const auto scopes = prune_scopes(describe_model(made.trials[0].config->model),
                                       parse_granularity(prune.granularity), prune.criterion, {});
      for (std::size_t i = 0; i < scopes.size(); ++i) {
        const bool alone = scopes[i].name == "block5.conv1";
        if (counts.layer_kept.empty()) {
          EXPECT_EQ(counts.layer_multiple.at(i), 8);
          if (!alone) continue;
          EXPECT_EQ(counts.ranking_kept.at(static_cast<std::size_t>(counts.layer_ranking.at(i))), 24);
        } else {
          EXPECT_EQ(counts.layer_kept[i] % 8, 0) << allocation.name;
          EXPECT_TRUE(!alone || counts.layer_kept[i] == 24) << allocation.name;
        }
      }
      const Counts& parts = counts.layer_kept.empty() ? counts.ranking_kept : counts.layer_kept;
      EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}), counts.total_kept) << allocation.name;
    }
  }
  EXPECT_GE(taken, 11);
}

// What is asked beside by random numbers, or by erk, is counted alike.
TEST(Align, ControlsAreAligned) {
  const auto made = trials_of(
      prune_sweep("method: magnitude, granularity: row, sparsity: 0.6, align: 16", "controls: [random, erk_random]\n"));
  ASSERT_EQ(made.size(), 3U);
  EXPECT_EQ(made[1].config->prune->rounds, made[0].config->prune->rounds);
  for (const std::int64_t kept : made[2].config->prune->rounds.at(0).layer_kept)
    EXPECT_TRUE(kept % 16 == 0 || kept == 100 || kept == 300) << kept;
}

}  // namespace
}  // namespace espalier
