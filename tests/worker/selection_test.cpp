#include "worker/selection.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

struct Network {
  std::vector<std::vector<float>> scores;
  std::vector<std::vector<std::uint8_t>> surviving;

  std::vector<ScoredLayer> layers() const {
    std::vector<ScoredLayer> result;
    for (std::size_t i = 0; i < scores.size(); ++i)
      result.push_back({"fc" + std::to_string(i + 1), scores[i], surviving[i]});
    return result;
  }
};

std::int64_t kept_in(const std::vector<std::uint8_t>& mask) {
  return std::accumulate(mask.begin(), mask.end(), std::int64_t{0});
}

/// The definition: sort the survivors by (score descending, layer, flat index) and keep the first.
KeepMasks select_by_sorting(const Network& network, std::int64_t kept) {
  std::vector<std::tuple<float, std::size_t, std::size_t>> order;
  KeepMasks masks;
  for (std::size_t layer = 0; layer < network.scores.size(); ++layer) {
    masks.emplace_back(network.scores[layer].size(), std::uint8_t{0});
    for (std::size_t i = 0; i < network.scores[layer].size(); ++i) {
      if (network.surviving[layer][i]) order.emplace_back(-network.scores[layer][i] + 0.0F, layer, i);
    }
  }
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < static_cast<std::size_t>(kept); ++i)
    masks[std::get<1>(order[i])][std::get<2>(order[i])] = 1;
  return masks;
}

Network random_network(RandomStream& random, std::uint64_t distinct) {
  Network network;
  for (int layer = 0; layer < 3; ++layer) {
    std::vector<float> scores(1 + random.below(300));
    std::vector<std::uint8_t> surviving(scores.size());
    for (float& score : scores) {
      score = distinct ? static_cast<float>(random.below(distinct)) - static_cast<float>(distinct / 2)
                       : static_cast<float>(random.normal());
      if (score == 0 && random.below(2)) score = -0.0F;
    }
    for (auto& alive : surviving) alive = random.below(4) > 0;
    network.scores.push_back(std::move(scores));
    network.surviving.push_back(std::move(surviving));
  }
  return network;
}

TEST(Selection, EqualsSortingWithTiesZerosAndNegatives) {
  RandomStream random(0, "test");
  for (int round = 0; round < 300; ++round) {
    const Network network =
        random_network(random, static_cast<std::uint64_t>(round % 4));  // 0: all differ; 1: all equal
    std::int64_t survivors = 0;
    for (const auto& alive : network.surviving) survivors += kept_in(alive);
    const auto kept = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(survivors) + 1));
    EXPECT_EQ(select_kept(network.layers(), {.total_kept = kept, .layer_kept = {}}), select_by_sorting(network, kept));
    EXPECT_EQ(select_kept(network.layers(), {.total_kept = survivors, .layer_kept = {}}), network.surviving);
  }
}

TEST(Selection, PerLayerKeepsEachLayersCount) {
  RandomStream random(1, "test");
  for (int round = 0; round < 100; ++round) {
    const Network network = random_network(random, static_cast<std::uint64_t>(round % 3));
    PruneTarget target;
    for (const auto& alive : network.surviving) {
      target.layer_kept.push_back(
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(kept_in(alive)) + 1)));
      target.total_kept += target.layer_kept.back();
    }
    const KeepMasks masks = select_kept(network.layers(), target);
    for (std::size_t layer = 0; layer < masks.size(); ++layer)
      EXPECT_EQ(kept_in(masks[layer]), target.layer_kept[layer]);
  }
}

TEST(Selection, TiesKeepTheFirstInOrderAcrossLayers) {
  const Network network{{{1, 1}, {1, 2, 1}}, {{1, 1}, {1, 1, 1}}};
  EXPECT_EQ(select_kept(network.layers(), {.total_kept = 3, .layer_kept = {}}), (KeepMasks{{1, 1}, {0, 1, 0}}));
}

TEST(Selection, InfinitiesAreScoresAndNaNIsNot) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  Network network{{{-inf, 0, inf, 1}}, {{1, 1, 1, 1}}};
  EXPECT_EQ(select_kept(network.layers(), {.total_kept = 2, .layer_kept = {}}), (KeepMasks{{0, 0, 1, 1}}));
  network.scores[0][1] = nan;
  try {
    select_kept(network.layers(), {.total_kept = 2, .layer_kept = {}});
    FAIL() << "NaN was ranked";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_NE(std::string(error.what()).find("fc1"), std::string::npos) << error.what();
  }
  network.surviving[0][1] = 0;  // what was pruned has no score
  EXPECT_EQ(select_kept(network.layers(), {.total_kept = 1, .layer_kept = {}}), (KeepMasks{{0, 0, 1, 0}}));
}

TEST(Selection, RefusesMoreThanSurvivesAndCountsThatDoNotFit) {
  const Network network{{{1, 2}, {3}}, {{1, 0}, {1}}};
  EXPECT_THROW(select_kept(network.layers(), {.total_kept = 3, .layer_kept = {}}), Error);
  EXPECT_THROW(select_kept(network.layers(), {.total_kept = -1, .layer_kept = {}}), Error);
  EXPECT_THROW(select_kept(network.layers(), {.total_kept = 2, .layer_kept = {2, 0}}), Error);
  EXPECT_THROW(select_kept(network.layers(), {.total_kept = 1, .layer_kept = {1}}), Error);
  EXPECT_THROW(select_kept(network.layers(), {.total_kept = 2, .layer_kept = {1, 0}}), Error);
  EXPECT_EQ(select_kept(network.layers(), {.total_kept = 2, .layer_kept = {1, 1}}), (KeepMasks{{1, 0}, {1}}));
  EXPECT_EQ(select_kept(network.layers(), {.total_kept = 0, .layer_kept = {}}), (KeepMasks{{0, 0}, {0}}));
}

}  // namespace
}  // namespace espalier
