// Several rankings side by side, and counts that are multiples.
#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "worker/selection/selection.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using Counts = std::vector<std::int64_t>;

struct Scored {
  std::vector<std::vector<float>> scores;

  std::vector<ScoredLayer> layers() const {
    std::vector<ScoredLayer> made;
    for (const std::vector<float>& one : scores) made.push_back({"l" + std::to_string(made.size()), one, {}});
    return made;
  }
};

Counts counts_of(const KeepMasks& masks) {
  Counts counts;
  for (const auto& mask : masks) counts.push_back(std::accumulate(mask.begin(), mask.end(), std::int64_t{0}));
  return counts;
}

PruneTarget ranked(Counts rankings, Counts kept) {
  PruneTarget target;
  target.total_kept = std::accumulate(kept.begin(), kept.end(), std::int64_t{0});
  target.layer_ranking = std::move(rankings);
  target.ranking_kept = std::move(kept);
  return target;
}

const Scored kThree{{{9, 8, 7, 6}, {5, 4, 3, 2}, {1, 10, 0, 11}}};

// l0 and l2 share three: 11, 10 and 9; l1 has rivals nowhere.
TEST(RankedSelection, LayersCompeteWithinTheirRanking) {
  const KeepMasks masks = select_kept(kThree.layers(), ranked({0, 1, 0}, {3, 2}));
  EXPECT_THAT(masks[0], ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(masks[1], ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(masks[2], ElementsAre(0, 1, 0, 1));
}

TEST(RankedSelection, BoundsHoldWithinEachRanking) {
  PruneTarget target = ranked({0, 1, 0}, {4, 1});
  target.layer_least = {3, 0, 0};
  target.layer_most = {4, 4, 4};
  EXPECT_THAT(counts_of(select_kept(kThree.layers(), target)), ElementsAre(3, 1, 1));
}

TEST(RankedSelection, RankingsThatDoNotFitAreRefused) {
  for (const PruneTarget& target : {ranked({0, 1}, {3, 2}), ranked({0, 2, 0}, {3, 2}), ranked({0, -1, 0}, {3, 2})})
    EXPECT_THROW(select_kept(kThree.layers(), target), Error);
  PruneTarget other = ranked({0, 1, 0}, {3, 2});
  other.total_kept = 6;
  EXPECT_THROW(select_kept(kThree.layers(), other), Error);
  PruneTarget multiples;
  multiples.total_kept = 6;
  multiples.layer_multiple = {2, 2};
  EXPECT_THROW(select_kept(kThree.layers(), multiples), Error);
}

// One ranking keeps 11, 10, 9, 8, 7, 6 and 5: 4, 1 and 2 of the layers. In twos l1 keeps two.
TEST(RankedSelection, CountsOfARankingGoToMultiples) {
  PruneTarget target;
  target.total_kept = 7;
  target.layer_multiple = {2, 2, 2};
  const KeepMasks masks = select_kept(kThree.layers(), target);
  EXPECT_THAT(counts_of(masks), ElementsAre(4, 2, 2));
  EXPECT_THAT(masks[1], ElementsAre(1, 1, 0, 0));
  target.total_kept = 99;  // more than there is: all
  EXPECT_THAT(counts_of(select_kept(kThree.layers(), target)), ElementsAre(4, 4, 4));
}

TEST(RankedSelection, MultiplesHoldTheirTotalAndLoseTheLowestOfEachLayer) {
  RandomStream random(3, "ranked");
  for (int round = 0; round < 100; ++round) {
    Scored network;
    std::int64_t all = 0;
    for (int layer = 0; layer < 5; ++layer) {
      std::vector<float>& scores = network.scores.emplace_back();
      for (int i = 0; i < 8 + 8 * layer; ++i) scores.push_back(static_cast<float>(random.uniform()));
      all += static_cast<std::int64_t>(scores.size());
    }
    PruneTarget target;
    target.total_kept = 20 + static_cast<std::int64_t>(random.uniform() * static_cast<double>(all - 20));
    target.layer_multiple = {4, 4, 4, 4, 4};
    const KeepMasks masks = select_kept(network.layers(), target);
    const Counts counts = counts_of(masks);
    const std::int64_t sum = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    EXPECT_LE(std::abs(sum - target.total_kept), 2);
    for (std::size_t layer = 0; layer < counts.size(); ++layer) {
      EXPECT_EQ(counts[layer] % 4, 0);
      float lowest = 2, highest = -1;
      for (std::size_t i = 0; i < masks[layer].size(); ++i) {
        const float score = network.scores[layer][i];
        if (masks[layer][i]) lowest = std::min(lowest, score);
        if (!masks[layer][i]) highest = std::max(highest, score);
      }
      EXPECT_GE(lowest, highest);
    }
  }
}

}  // namespace
}  // namespace espalier
