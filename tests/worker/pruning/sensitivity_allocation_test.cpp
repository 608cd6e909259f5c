#include "worker/pruning/sensitivity_allocation.h"

#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(SensitivityAllocation, OneRiseOfTheLossForAll) {
  // Rises: a 0.2 s / 0.5, b 0.8 s / 0.5, both on to 1. 150 of 200 are kept where t / 0.4 + t / 1.6 = 0.5: t = 0.16, so
  // s_a = 0.4 and s_b = 0.1.
  const SensitivityCurves curves{{0, 0.5}, {{1.0, 1.2}, {1.0, 1.8}}, {100, 100}};
  const std::vector<std::int64_t> most{100, 100};
  EXPECT_THAT(allocate_by_sensitivity(curves, 150, most), ElementsAre(60, 90));
}

TEST(SensitivityAllocation, ALossThatFallsAgainStillCountsAsRisen) {
  // b's dip at 0.9 does not make its peak at 0.5 bearable; a rises nowhere before 0.9.
  const SensitivityCurves curves{{0, 0.5, 0.9}, {{1, 1, 1.1}, {1, 2, 0.9}}, {100, 100}};
  const std::vector<std::int64_t> most{100, 100};
  const std::vector<std::int64_t> kept = allocate_by_sensitivity(curves, 100, most);
  EXPECT_LT(kept[0], 15);
  EXPECT_GT(kept[1], 85);
}

TEST(SensitivityAllocation, ALossThatIsNoNumberIsSpared) {
  const SensitivityCurves curves{{0, 0.5}, {{1, 1.1}, {1, std::nan("")}}, {100, 100}};
  const std::vector<std::int64_t> most{100, 100};
  EXPECT_THAT(allocate_by_sensitivity(curves, 120, most), ElementsAre(35, 85));
}

TEST(SensitivityAllocation, FlatCurvesShareEquallyAndNoneIsEmptied) {
  const SensitivityCurves flat{{0, 0.5}, {{1, 1}, {1, 0.9}}, {100, 300}};
  const std::vector<std::int64_t> most{100, 300};
  EXPECT_THAT(allocate_by_sensitivity(flat, 40, most), ElementsAre(10, 30));
  // Nobody measured what is left below one half: there both fall alike.
  const SensitivityCurves steep{{0, 0.5}, {{1, 1}, {1, 9}}, {100, 100}};
  EXPECT_THAT(allocate_by_sensitivity(steep, 100, std::vector<std::int64_t>{100, 100}), ElementsAre(50, 50));
  EXPECT_THAT(allocate_by_sensitivity(steep, 50, std::vector<std::int64_t>{100, 100}), ElementsAre(25, 25));
}

TEST(SensitivityAllocation, WhatWasRemovedBeforeBoundsWhatIsKept) {
  const SensitivityCurves curves{{0, 0.5}, {{1.0, 1.2}, {1.0, 1.8}}, {100, 100}};
  const std::vector<std::int64_t> most{100, 70};
  EXPECT_THAT(allocate_by_sensitivity(curves, 150, most), ElementsAre(80, 70));
  EXPECT_THROW(allocate_by_sensitivity(curves, 171, most), Error);
  EXPECT_THROW(allocate_by_sensitivity(curves, 10, std::vector<std::int64_t>{100}), Error);
}

TEST(SensitivityAllocation, TheTotalIsExactForAnyCurves) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, "curves");
    SensitivityCurves curves{{0, 0.3, 0.7, 0.95}, {}, {}};
    for (int scope = 0; scope < 5; ++scope) {
      curves.units.push_back(static_cast<std::int64_t>(1 + random.below(1000)));
      std::vector<double> losses{0.3};
      for (int point = 0; point < 3; ++point) losses.push_back(losses.back() + random.uniform(-0.1, 1));
      curves.losses.push_back(losses);
    }
    const std::int64_t all = std::reduce(curves.units.begin(), curves.units.end());
    const auto total = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(all) + 1));
    const std::vector<std::int64_t> kept = allocate_by_sensitivity(curves, total, curves.units);
    EXPECT_EQ(std::reduce(kept.begin(), kept.end()), total) << "seed " << seed;
    for (std::size_t scope = 0; scope < kept.size(); ++scope) {
      EXPECT_GE(kept[scope], total >= 5 ? 1 : 0);
      EXPECT_LE(kept[scope], curves.units[scope]);
    }
  }
}

// Each ranking by itself: the second scope has no rival and keeps its 30; the others share 110 as flat curves do.
TEST(SensitivityAllocation, RankingsShareNothingAndMultiplesComeLast) {
  const std::vector<double> flat{0, 0};
  const SensitivityCurves curves{{0, 0.5}, {flat, flat, flat}, {100, 100, 100}};
  PruneTarget target;
  target.total_kept = 140;
  target.layer_ranking = {0, 1, 0};
  target.ranking_kept = {110, 30};
  EXPECT_THAT(counts_by_sensitivity(curves, target, curves.units), ElementsAre(55, 30, 55));
  target.layer_multiple = {8, 1, 8};
  EXPECT_THAT(counts_by_sensitivity(curves, target, curves.units), ElementsAre(56, 30, 56));
  PruneTarget one;
  one.total_kept = 150;
  EXPECT_THAT(counts_by_sensitivity(curves, one, curves.units), ElementsAre(50, 50, 50));
}

}  // namespace
}  // namespace espalier
