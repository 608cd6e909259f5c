#include "analysis/statistics/statistics.h"

#include <cmath>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(Statistics, ThreePairsByHand) {
  // Differences 1, 2, 3: mean 2, sd 1, standard error 1/sqrt(3), t = sqrt(12). With two degrees of freedom Student's
  // distribution is elementary: p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(12/14), and t(0.975) = 4.302652730.
  const MeanEstimate estimate = estimate_mean({1, 2, 3});
  EXPECT_EQ(estimate.count, 3U);
  EXPECT_DOUBLE_EQ(estimate.mean, 2);
  EXPECT_DOUBLE_EQ(*estimate.sd, 1);
  EXPECT_NEAR(*estimate.p_value, 1 - std::sqrt(12.0 / 14.0), 1e-12);
  EXPECT_NEAR(*estimate.low, 2 - 4.302652730 / std::sqrt(3.0), 1e-8);
  EXPECT_NEAR(*estimate.high, 2 + 4.302652730 / std::sqrt(3.0), 1e-8);
}

TEST(Statistics, StudentsOwnSleepData) {
  // Student 1908; R: t.test(extra ~ group, data = sleep, paired = TRUE): t = 4.0621, p = 0.002833,
  // [0.7001142, 2.4598858].
  const MeanEstimate estimate = estimate_mean({1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4});
  EXPECT_NEAR(estimate.mean, 1.58, 1e-12);
  EXPECT_NEAR(*estimate.p_value, 0.002833, 5e-7);
  EXPECT_NEAR(*estimate.low, 0.7001142, 5e-8);
  EXPECT_NEAR(*estimate.high, 2.4598858, 5e-8);
}

TEST(Statistics, TwoPairsHaveAWideInterval) {
  // t(0.975, 1) = tan(0.475 pi) = 12.7062; sd = sqrt(0.5), standard error 0.5; p = 1 - 2 atan(t) / pi with t = 1.
  const MeanEstimate estimate = estimate_mean({0, 1});
  EXPECT_NEAR(*estimate.high, 0.5 + 12.7062047362 * 0.5, 1e-8);
  EXPECT_NEAR(*estimate.p_value, 0.5, 1e-9);
}

TEST(Statistics, OneNumberHasAMeanAndNoInterval) {
  const MeanEstimate estimate = estimate_mean({0.25});
  EXPECT_DOUBLE_EQ(estimate.mean, 0.25);
  EXPECT_FALSE(estimate.sd || estimate.low || estimate.high || estimate.p_value);
  EXPECT_EQ(estimate_mean({}).count, 0U);
}

TEST(Statistics, EqualNumbersSayNothingOfTheirSpread) {
  // The last two differ by rounding alone.
  for (const std::vector<double>& numbers : {std::vector{0.1, 0.1, 0.1}, {1.0, 1.0}, {100 * (0.97 - 0.96), 1.0}}) {
    const MeanEstimate estimate = estimate_mean(numbers);
    EXPECT_EQ(*estimate.sd, 0);
    EXPECT_NE(estimate.mean, 0);
    EXPECT_FALSE(estimate.low || estimate.high || estimate.p_value);
  }
  EXPECT_EQ(*estimate_mean({0, 0}).p_value, 1);
  EXPECT_EQ(*estimate_mean({0, 0}).high, 0);
}

TEST(Statistics, HolmAsRDoesIt) {
  // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") = 0.03 0.06 0.06 0.02
  const auto corrected = correct_by_holm({0.01, 0.04, std::nullopt, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(*corrected[0], 0.03);
  EXPECT_DOUBLE_EQ(*corrected[1], 0.06);
  EXPECT_FALSE(corrected[2]);
  EXPECT_DOUBLE_EQ(*corrected[3], 0.06);
  EXPECT_DOUBLE_EQ(*corrected[4], 0.02);
  EXPECT_DOUBLE_EQ(*correct_by_holm({0.9, 0.8})[0], 1.0);
}

}  // namespace
}  // namespace espalier
