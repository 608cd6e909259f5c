#include "worker/latency/paired_ratio.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace espalier {
namespace {

TEST(PairedRatio, QuantilesAreThoseOfRsTypeSeven) {
  const std::vector<double> values{4, 1, 3, 2};
  EXPECT_EQ(quantile(values, 0), 1);
  EXPECT_EQ(quantile(values, 1), 4);
  EXPECT_EQ(quantile(values, 0.5), 2.5);
  EXPECT_NEAR(quantile(values, 0.1), 1.3, 1e-12);
  EXPECT_EQ(quantile({7}, 0.9), 7);
}

TEST(PairedRatio, WhatSlowsBothOfAPairDoesNotCount) {
  std::vector<double> a, b;
  RandomStream random(1, "test");
  for (int i = 0; i < 50; ++i) {
    const double machine = std::exp(random.normal());
    a.push_back(2 * machine);
    b.push_back(machine);
  }
  const RatioInterval found = paired_ratio(a, b);
  EXPECT_NEAR(found.ratio, 2, 1e-12);
  EXPECT_NEAR(found.low, 2, 1e-12);
  EXPECT_NEAR(found.high, 2, 1e-12);
}

/// Of 200 draws, about 190 intervals have the true ratio in them: here 3.
TEST(PairedRatio, IntervalsHoldTheRatioAsOftenAsTheySay) {
  int held = 0;
  for (std::uint64_t draw = 0; draw < 200; ++draw) {
    RandomStream random(draw, "test");
    std::vector<double> a, b;
    for (int i = 0; i < 30; ++i) {
      a.push_back(3 * std::exp(0.1 * random.normal()));
      b.push_back(1);
    }
    const RatioInterval found = paired_ratio(a, b);
    EXPECT_LE(found.low, found.ratio);
    EXPECT_GE(found.high, found.ratio);
    held += found.low <= 3 && 3 <= found.high ? 1 : 0;
  }
  EXPECT_GE(held, 178);
  EXPECT_LE(held, 200);
}

TEST(PairedRatio, TheSameNumbersGiveTheSameInterval) {
  const std::vector<double> a{3, 4, 5, 6}, b{1, 2, 2, 2};
  EXPECT_EQ(paired_ratio(a, b).low, paired_ratio(a, b).low);
  EXPECT_EQ(paired_ratio(a, b).ratio, 2.75);
}

}  // namespace
}  // namespace espalier
