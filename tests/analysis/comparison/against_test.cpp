#include "analysis/comparison/against.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tests/analysis/comparison/sample_rows.h"

namespace espalier {
namespace {

using testing::HasSubstr;

std::vector<ResultRow> two_methods() {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.95, 0.96, 0.94});
  for (const ResultRow& row : make_rows("gradient", {0.90, 0.92, 0.94})) rows.push_back(row);
  return rows;
}

TEST(Against, PairsSeedsAndCountsWhoWins) {
  const std::vector<ResultRow> rows = two_methods();
  const Comparison comparison = compare_results(rows);
  const std::vector<Duel> duels = duels_against(comparison, "gradient");
  ASSERT_EQ(duels.size(), 1U);
  EXPECT_EQ(duels[0].method->name(), "magnitude");
  EXPECT_EQ(duels[0].compared.pairs, 3);
  EXPECT_NEAR(duels[0].compared.mean_pp, 3, 1e-9);
  EXPECT_EQ(duels[0].wins, 2);
  EXPECT_EQ(duels[0].ties, 1);
  EXPECT_EQ(duels[0].losses, 0);
  EXPECT_EQ(duels[0].compared.p_holm, duels[0].compared.p_value);
  const std::string text = render_duels(duels, "gradient", OutputFormat::table);
  EXPECT_THAT(text, HasSubstr("2-1-0"));
  EXPECT_THAT(text, HasSubstr("magnitude against gradient: better in 0 cells, worse in 0, inconclusive in 1"));
  const auto json = nlohmann::json::parse(render_duels(duels, "gradient", OutputFormat::json));
  EXPECT_EQ(json.at(0).at("against"), "gradient");
  EXPECT_EQ(json.at(0).at("wins"), 2);
}

TEST(Against, RandomGivesTheTableItsOwnComparison) {
  const std::vector<ResultRow> rows = make_sweep_rows();
  const Comparison comparison = compare_results(rows);
  std::size_t compared = 0;
  for (const Duel& duel : duels_against(comparison, "random")) {
    ASSERT_TRUE(duel.method->versus_random);
    EXPECT_EQ(duel.compared.mean_pp, duel.method->versus_random->mean_pp);
    EXPECT_EQ(duel.compared.p_value, duel.method->versus_random->p_value);
    ++compared;
  }
  EXPECT_GE(compared, 12U);
}

TEST(Against, ANameThatNoneHasIsRefusedWithThoseThatThereAre) {
  const std::vector<ResultRow> rows = two_methods();
  const Comparison comparison = compare_results(rows);
  try {
    duels_against(comparison, "magnitud");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("one of gradient, magnitude"));
  }
  EXPECT_THAT(render_duels({}, "random", OutputFormat::table), HasSubstr("No results"));
}

}  // namespace
}  // namespace espalier
