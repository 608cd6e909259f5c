#include "worker/selection/ranking.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "worker/selection/selection.h"

namespace espalier {
namespace {

void expect_values_near(const std::vector<float>& values, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(values.size(), wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], tolerance) << i;
}

/// |w| = 0.1 .. 0.5: 0.25 / 0.25, 0.16 / 0.41, 0.09 / 0.5, 0.04 / 0.54, 0.01 / 0.55.
TEST(Lamp, HasThePrintedDigits) {
  const std::vector<float> scores{0.1F, 0.2F, 0.3F, 0.4F, 0.5F};
  expect_values_near(lamp_scores({"fc1", scores, {}}), {.018182, .074074, .18, .390244, 1}, 5e-7);
  const std::vector<float> mixed{0.4F, 0.1F, 0.5F, 7.0F, 0.3F, 0.2F};
  const std::vector<std::uint8_t> surviving{1, 1, 1, 0, 1, 1};
  expect_values_near(lamp_scores({"fc1", mixed, surviving}), {.390244, .018182, 1, 0, .18, .074074}, 5e-7);
}

TEST(Lamp, OrdersEqualsByIndexAndHasAHighestAlways) {
  const std::vector<float> equal{2, 2, 2}, zero{0, 0}, none{};
  expect_values_near(lamp_scores({"fc1", equal, {}}), {1.0 / 3, 0.5, 1}, 1e-7);
  expect_values_near(lamp_scores({"fc1", zero, {}}), {0, 1}, 0);
  EXPECT_TRUE(lamp_scores({"fc1", none, {}}).empty());
}

TEST(Lamp, EqualsTheSumsOfItsDefinition) {
  RandomStream random(0, "test");
  std::vector<float> scores(300);
  for (float& score : scores) score = static_cast<float>(std::abs(random.normal()));
  const std::vector<float> lamp = lamp_scores({"fc1", scores, {}});
  for (std::size_t i = 0; i < scores.size(); ++i) {
    double sum = 0;
    for (const float other : scores) sum += other >= scores[i] ? static_cast<double>(other) * other : 0;
    EXPECT_NEAR(lamp[i], static_cast<double>(scores[i]) * scores[i] / sum, 1e-7);
  }
}

TEST(Lamp, KeepsOneWeightOfEveryLayerAtLeast) {
  const std::vector<float> large{100, 200, 300}, small{1e-6F, 1e-7F, 3e-7F};
  const std::vector<float> first = lamp_scores({"fc1", large, {}}), second = lamp_scores({"fc2", small, {}});
  PruneTarget target;
  target.total_kept = 2;
  EXPECT_EQ(select_kept({{"fc1", first, {}}, {"fc2", second, {}}}, target), (KeepMasks{{0, 0, 1}, {1, 0, 0}}));
}

TEST(Normalized, DividesByTheNormOfSurvivors) {
  const std::vector<float> scores{3, 4, 100, -12};
  const std::vector<std::uint8_t> surviving{1, 1, 0, 1};
  expect_values_near(normalized_scores({"fc1", scores, surviving}), {3.0 / 13, 4.0 / 13, 0, -12.0 / 13}, 1e-7);
  const std::vector<float> zero{0, 0}, tiny{1e-8F, 0};
  expect_values_near(normalized_scores({"fc1", zero, {}}), {0, 0}, 0);
  expect_values_near(normalized_scores({"fc1", tiny, {}}), {0.5, 0}, 1e-6);
}

TEST(Ranking, HasARuleForEachNameOfASpec) {
  EXPECT_EQ(find_ranking("").comparable, nullptr);
  EXPECT_FALSE(find_ranking("").by_row);
  EXPECT_TRUE(find_ranking("per_row").by_row);
  EXPECT_EQ(find_ranking("lamp").comparable, &lamp_scores);
  try {
    find_ranking("lamb");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_STREQ(error.what(), "ranking: unknown \"lamb\"; did you mean \"lamp\"? (one of lamp, normalized, per_row)");
  }
}

TEST(Ranking, RefusesNaNAndWhatSquaresWouldTurn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> bad{1, nan, -1};
  const std::vector<std::uint8_t> without{1, 0, 0}, negative{1, 0, 1};
  for (const auto rank : {lamp_scores, normalized_scores}) {
    try {
      rank({"fc1", bad, {}});
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::numeric);
      EXPECT_NE(std::string(error.what()).find("weight 1 of layer fc1"), std::string::npos);
    }
    expect_values_near(rank({"fc1", bad, without}), {1, 0, 0}, 1e-7);
  }
  EXPECT_THROW(lamp_scores({"fc1", bad, negative}), Error);
}

}  // namespace
}  // namespace espalier
