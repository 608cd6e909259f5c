#include "analysis/statistics/power.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

// Quantiles of Student's t as tables have them.
TEST(Power, the_least_effect_is_the_quantile_over_the_root_of_the_seeds) {
  EXPECT_NEAR(*least_effect(3, 1), 4.302653 / 1.7320508, 1e-5);    // t(0.975, 2)
  EXPECT_NEAR(*least_effect(5, 5), 4.604095 / 2.2360680, 1e-5);    // t(0.995, 4)
  EXPECT_NEAR(*least_effect(3, 25), 22.327125 / 1.7320508, 1e-4);  // t(0.999, 2)
  EXPECT_EQ(least_effect(1, 5), std::nullopt);
  EXPECT_EQ(least_effect(3, 0), std::nullopt);
}

TEST(Power, few_seeds_for_many_comparisons_are_said) {
  EXPECT_EQ(
      warning_of_power(3, 60),
      "with 3 seeds and 60 comparisons only effects above 20 standard deviations can be significant; 5 seeds: 4.0");
  EXPECT_EQ(warning_of_power(3, 5), "");
  EXPECT_EQ(warning_of_power(5, 60), "");
  EXPECT_EQ(warning_of_power(1, 60), "");
}

}  // namespace
}  // namespace espalier
