#include "experiments/expand/kept_counts.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(KeptCounts, one_shot_removes_everything_at_once) {
  EXPECT_THAT(kept_by_schedule(266200, "one_shot", 0.9, 1), ElementsAre(26620));
}

// 1000 * 0.1^(1/3) = 464.159, 1000 * 0.1^(2/3) = 215.443, 1000 * 0.1
TEST(KeptCounts, iterative_keeps_the_same_share_each_round) {
  EXPECT_THAT(kept_by_schedule(1000, "iterative", 0.9, 3), ElementsAre(464, 215, 100));
}

TEST(KeptCounts, linear_removes_the_same_number_each_round) {
  EXPECT_THAT(kept_by_schedule(1000, "linear", 0.8, 4), ElementsAre(800, 600, 400, 200));
}

// s_r = 0.8 (1 - (1 - r/4)^3): 0.8 * 37/64 = 0.4625, 0.8 * 7/8 = 0.7, 0.8 * 63/64 = 0.7875, 0.8
TEST(KeptCounts, cubic_removes_much_at_first) {
  EXPECT_THAT(kept_by_schedule(10000, "cubic", 0.8, 4), ElementsAre(5375, 3000, 2125, 2000));
}

// 100 - 20 = 80, - 16 = 64, - 12.8 ~ 13 = 51, - 10.2 ~ 10 = 41
TEST(KeptCounts, a_rate_takes_its_share_of_what_is_left) {
  EXPECT_THAT(kept_by_rate(100, 0.2, 4), ElementsAre(80, 64, 51, 41));
}

TEST(KeptCounts, a_rate_with_a_target_ends_on_it_exactly) {
  EXPECT_EQ(rounds_to_reach(0.5, 0.2, 100), 4);  // 0.8^3 = 0.512, 0.8^4 = 0.4096
  EXPECT_THAT(kept_by_rate_to(100, 0.2, 4, 0.5), ElementsAre(80, 64, 51, 50));
}

TEST(KeptCounts, rounds_that_meet_the_target_to_the_bit_are_not_one_too_many) {
  EXPECT_EQ(rounds_to_reach(1 - 0.8 * 0.8 * 0.8, 0.2, 100), 3);
  EXPECT_EQ(rounds_to_reach(0, 0.2, 100), 1);
  EXPECT_EQ(rounds_to_reach(0.999999, 0.001, 100), std::nullopt);
}

TEST(KeptCounts, counts_never_rise_and_always_end_at_the_target) {
  for (const char* schedule : {"iterative", "linear", "cubic"}) {
    for (const double sparsity : {0.0, 0.3, 0.77, 0.9999}) {
      const std::vector<std::int64_t> kept = kept_by_schedule(430500, schedule, sparsity, 17);
      EXPECT_TRUE(std::ranges::is_sorted(kept, std::greater<>())) << schedule << sparsity;
      EXPECT_EQ(kept.back(), std::llround(430500 * (1 - sparsity)));
    }
  }
}

// Frankle & Carbin 2019, section 2: 20 % a round, 10 % of the output layer; the percentages are theirs, to 0.1, and
// arithmetic.
TEST(KeptCounts, the_lottery_ladder_of_lenet) {
  const std::vector<double> ladder = {80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88,
                                      13.52, 10.83, 8.68,  6.95,  5.57,  4.47,  3.58};
  const std::vector<Trial> trials = trials_of(R"(
sweep: ladder
dataset: mnist
model: lenet-300-100
seeds: 1
dense: false
train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 12}
prune: {method: magnitude, allocation: uniform, schedule: {iterative: {rate: 0.2, rounds: 15, rates: {fc3: 0.1}}}}
retrain: {rewind: {to: init}}
controls: []
)");
  ASSERT_EQ(trials.size(), ladder.size());
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const PruneConfig& prune = *trials[i].config->prune;
    EXPECT_EQ(prune.rounds.size(), i + 1);
    EXPECT_NEAR(100 * static_cast<double>(prune.rounds.back().total_kept) / 266200, ladder[i], 0.01);
    EXPECT_NEAR(100 * (1 - prune.sparsity_target), ladder[i], 0.01);
    EXPECT_EQ(prune.allocation, "uniform");
  }
}

// In binary 1 - 0.55 is below 0.45 and 1 - 0.77 below 0.23, so that llround goes down.
TEST(KeptCounts, halves_go_up_as_decimals_have_them) {
  EXPECT_THAT(kept_by_schedule(30, "one_shot", 0.55, 1), ElementsAre(14));
  EXPECT_THAT(kept_by_schedule(50, "one_shot", 0.77, 1), ElementsAre(12));
  EXPECT_THAT(kept_by_schedule(25, "one_shot", 0.5, 1), ElementsAre(13));
  EXPECT_THAT(kept_by_rate_to(30, 0.5, 1, 0.55), ElementsAre(14));
  // Every sparsity of two decimals whose share of 50 is a half: 50 s = k + 1/2.
  for (int hundredths = 1; hundredths < 100; hundredths += 2) {
    const double sparsity = hundredths / 100.0;
    EXPECT_EQ(kept_by_schedule(50, "one_shot", sparsity, 1).back(), 50 - (hundredths - 1) / 2) << sparsity;
  }
}

TEST(KeptCounts, what_is_no_half_is_rounded_to_the_nearest) {
  for (const std::int64_t total : {7LL, 100LL, 26620LL, 266200LL, 11'000'000LL}) {
    for (const double sparsity : {0.1, 0.333, 0.8, 0.9, 0.98, 0.9999}) {
      const double exact = static_cast<double>(total) * (1 - sparsity);
      EXPECT_LE(std::abs(static_cast<double>(kept_by_schedule(total, "one_shot", sparsity, 1).back()) - exact),
                0.5 + 1e-6);
    }
  }
}

}  // namespace
}  // namespace espalier
