#include "analysis/comparison/comparison.h"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/comparison/unequal_weights.h"
#include "analysis/comparison/versus_random.h"
#include "base/error.h"
#include "tests/analysis/comparison/sample_rows.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

void append(std::vector<ResultRow>& rows, const std::vector<ResultRow>& more) {
  rows.insert(rows.end(), more.begin(), more.end());
}

TEST(Comparison, PairsBySeedAndNotByOrder) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96, 0.95});
  // Seeds 2, 1, 0: each is 1, 2 and 3 points below the magnitude of its own seed.
  rows.push_back(make_row("random", 2, 0.92));
  rows.push_back(make_row("random", 1, 0.94));
  rows.push_back(make_row("random", 0, 0.96));
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks, SizeIs(1));
  ASSERT_THAT(comparison.blocks[0].cells, SizeIs(1));
  const std::vector<MethodResult>& methods = comparison.blocks[0].cells[0].methods;
  ASSERT_THAT(methods, SizeIs(2));
  EXPECT_EQ(methods[0].name(), "random");
  EXPECT_FALSE(methods[0].versus_random);
  const PairedComparison& magnitude = *methods[1].versus_random;
  EXPECT_EQ(magnitude.pairs, 3);
  EXPECT_NEAR(magnitude.mean_pp, 2, 1e-9);
  EXPECT_NEAR(*magnitude.low_pp, 2 - 2.484138, 1e-6);
  EXPECT_EQ(magnitude.verdict(), Verdict::inconclusive);
  EXPECT_NEAR(magnitude.mean_accuracy, 0.96, 1e-12);
  EXPECT_NEAR(magnitude.other_mean_accuracy, 0.94, 1e-12);
  EXPECT_NEAR(methods[1].versus_dense->mean_pp, -2, 1e-9);
}

TEST(Comparison, SaysBetterAndWorseOnlyWhereTheCorrectedPHolds) {
  std::vector<ResultRow> rows = make_rows("random", {0.90, 0.91, 0.92});
  append(rows, make_rows("magnitude", {0.95, 0.961, 0.972}));
  append(rows, make_rows("gradient", {0.85, 0.861, 0.872}));
  append(rows, make_rows("snip", {0.91, 0.90, 0.93}));
  const Comparison comparison = compare_results(rows);
  const auto verdict = [&](std::size_t i) { return comparison.blocks[0].cells[0].methods[i].versus_random->verdict(); };
  EXPECT_EQ(verdict(1), Verdict::better);
  EXPECT_EQ(verdict(2), Verdict::worse);
  EXPECT_EQ(verdict(3), Verdict::inconclusive);
}

TEST(Comparison, OnePairIsInconclusiveAndUnpairedSeedsAreCounted) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96, 0.95});
  rows.push_back(make_row("random", 1, 0.80));
  rows.push_back(make_row("random", 7, 0.80));
  const Comparison comparison = compare_results(rows);
  const PairedComparison& magnitude = *comparison.blocks[0].cells[0].methods[1].versus_random;
  EXPECT_EQ(magnitude.pairs, 1);
  EXPECT_EQ(magnitude.unpaired, 3);
  EXPECT_NEAR(magnitude.mean_pp, 16, 1e-9);
  EXPECT_FALSE(magnitude.low_pp);
  EXPECT_EQ(magnitude.verdict(), Verdict::inconclusive);
}

TEST(Comparison, TwoEqualDifferencesAreInconclusive) {
  std::vector<ResultRow> rows = make_rows("random", {0.95, 0.96});
  append(rows, make_rows("magnitude", {0.96, 0.97}));
  const Comparison comparison = compare_results(rows);
  const PairedComparison& magnitude = *comparison.blocks[0].cells[0].methods[1].versus_random;
  EXPECT_NEAR(magnitude.mean_pp, 1, 1e-9);
  EXPECT_FALSE(magnitude.p_value || magnitude.p_holm || magnitude.low_pp);
  EXPECT_EQ(magnitude.verdict(), Verdict::inconclusive);
}

TEST(Comparison, ComparesWithinACellAlone) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  for (ResultRow random : make_rows("random", {0.9, 0.9})) {
    random.schedule = "iterative";
    rows.push_back(random);
    random.schedule = "one_shot";
    random.sparsity_target = 0.5;
    rows.push_back(random);
    random.sparsity_target = 0.9;
    random.sweep = "another";
    rows.push_back(random);
  }
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks, SizeIs(2));
  EXPECT_THAT(comparison.blocks[0].cells, SizeIs(3));
  for (const Cell& cell : comparison.blocks[0].cells) {
    for (const MethodResult& method : cell.methods) EXPECT_FALSE(method.versus_random);
  }
}

// 0.5, 1.0 and 1.2 points: t = 0.9 / (0.36056 / sqrt 3) = 4.3235, p = 0.0495 with two degrees of freedom; of a family
// of two it is 0.099. The nominal interval is 0.9 -+ 4.3027 * 0.20817 = [0.0043, 1.7957].
TEST(Comparison, ANominalDifferenceIsInconclusiveAfterHolm) {
  std::vector<ResultRow> rows = make_rows("random", {0.90, 0.90, 0.90});
  append(rows, make_rows("magnitude", {0.905, 0.91, 0.912}));
  const auto magnitude = [&] { return *compare_results(rows).blocks[0].cells[0].methods[1].versus_random; };
  EXPECT_NEAR(*magnitude().p_holm, 0.0495, 1e-4);
  EXPECT_EQ(magnitude().verdict(), Verdict::better);  // alone in its sweep
  append(rows, make_rows("gradient", {0.91, 0.90, 0.89}));
  EXPECT_NEAR(*magnitude().low_pp, 0.0043, 1e-4);
  EXPECT_EQ(magnitude().nominal_sign(), 1);
  EXPECT_NEAR(*magnitude().p_holm, 0.0991, 1e-4);
  EXPECT_EQ(magnitude().verdict(), Verdict::inconclusive);
  EXPECT_EQ(compute_cell_statistics(rows)[0].verdict, "inconclusive");
  const SweepTally tally = compare_results(rows).sweeps.at(0);
  EXPECT_EQ(tally.better, 0);
  EXPECT_EQ(tally.inconclusive, 2);
  EXPECT_EQ(tally.nominal, 1);
}

TEST(Comparison, NothingIsConcludedFromNetworksThatDidNotLearn) {
  for (const std::string outcome : {"at chance", "untrained", "collapsed", "diverged"}) {
    SCOPED_TRACE(outcome);
    for (const std::string dead : {"magnitude", "random"}) {
      std::vector<ResultRow> rows = make_rows("magnitude", {0.95, 0.96, 0.97});
      append(rows, make_rows("random", {0.90, 0.91, 0.91}));
      append(rows, make_rows("gradient", {0.95, 0.96, 0.97}));
      for (ResultRow& row : rows) {
        if (row.method == dead && row.seed == 2) row.outcome = outcome;
      }
      const Comparison comparison = compare_results(rows);
      const std::vector<MethodResult>& methods = comparison.blocks[0].cells[0].methods;
      const PairedComparison& magnitude = *methods[1].versus_random;
      EXPECT_FALSE(magnitude.is_tested || magnitude.low_pp || magnitude.p_value || magnitude.p_holm);
      EXPECT_EQ(magnitude.verdict(), Verdict::inconclusive);
      EXPECT_EQ(methods[dead == "random" ? 0 : 1].not_learned, (Outcomes{{outcome, 1}}));
      EXPECT_EQ(comparison.sweeps[0].untested, dead == "random" ? 2 : 1);
      EXPECT_EQ(comparison.sweeps[0].not_learned, (Outcomes{{outcome, 1}}));
      if (dead == "random") continue;
      // The family is what is tested: gradient alone.
      EXPECT_NEAR(*methods[2].versus_random->p_holm, *methods[2].versus_random->p_value, 1e-12);
    }
  }
}

TEST(Comparison, NothingIsConcludedAgainstADenseNetworkThatDidNotLearn) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  EXPECT_TRUE(compare_results(rows).blocks[0].cells[0].methods[0].versus_dense->p_value);
  for (ResultRow& row : rows) row.dense_outcome = "at chance";
  const Comparison comparison = compare_results(rows);
  EXPECT_FALSE(comparison.blocks[0].cells[0].methods[0].versus_dense->p_value);
  EXPECT_EQ(comparison.blocks[0].dense_not_learned, (Outcomes{{"at chance", 2}}));
}

TEST(Comparison, WhatIsNotANumberIsADivergedNetwork) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  rows[1].accuracy = std::nullopt;
  append(rows, make_rows("random", {0.9, 0.9}));
  const Comparison comparison = compare_results(rows);
  const MethodResult& magnitude = comparison.blocks[0].cells[0].methods[1];
  EXPECT_EQ(magnitude.not_learned, (Outcomes{{"diverged", 1}}));
  EXPECT_NEAR(*magnitude.mean_accuracy, 0.97, 1e-12);
  EXPECT_EQ(magnitude.versus_random->pairs, 1);
  rows[0].accuracy = std::nullopt;
  const Comparison none = compare_results(rows);
  EXPECT_FALSE(none.blocks[0].cells[0].methods[1].mean_accuracy);
  EXPECT_EQ(none.sweeps[0].untested, 1);
}

/// The same networks at the same sparsity under the name of another schedule.
std::vector<ResultRow> renamed(std::vector<ResultRow> rows, const std::string& schedule) {
  for (ResultRow& row : rows) {
    row.schedule = schedule;
    row.trial_key += schedule;
  }
  return rows;
}

TEST(Comparison, OneComputationUnderTwoNamesIsTestedAndCountedOnce) {
  std::vector<ResultRow> rows = make_rows("random", {0.90, 0.91, 0.92});
  append(rows, make_rows("magnitude", {0.95, 0.961, 0.972}));
  for (ResultRow& row : rows) row.evaluation_key = row.method + std::to_string(row.seed);
  const std::vector<ResultRow> once = rows;
  append(rows, renamed(once, "iterative"));
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks[0].cells, SizeIs(2));
  const MethodResult& first = comparison.blocks[0].cells[0].methods[1];
  const MethodResult& second = comparison.blocks[0].cells[1].methods[1];
  EXPECT_NEAR(*first.versus_random->p_holm, *first.versus_random->p_value, 1e-12);
  EXPECT_EQ(second.versus_random->p_holm, first.versus_random->p_holm);
  EXPECT_FALSE(first.same_as);
  EXPECT_EQ(second.same_as, 0U);
  EXPECT_EQ(comparison.sweeps[0].better, 1);
  EXPECT_EQ(comparison.sweeps[0].repeated, 1);
  for (ResultRow& row : rows) row.evaluation_key += row.schedule;  // two computations
  EXPECT_NEAR(*compare_results(rows).blocks[0].cells[0].methods[1].versus_random->p_holm,
              2 * *first.versus_random->p_value, 1e-12);
  EXPECT_EQ(compare_results(rows).sweeps[0].better, 2);
}

TEST(Comparison, WhatIsNotThereYetIsToldFromWhatNeverWillBe) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.95, 0.96});
  const auto tally = [&] { return compare_results(rows).sweeps.at(0); };
  EXPECT_EQ(tally().without_random, 1);
  append(rows, make_rows("random", {0.9, 0.9}));
  for (ResultRow& row : rows) {
    if (row.method == "random") row.outcome = "waiting";
  }
  EXPECT_EQ(tally().waiting_for_random, 1);
  EXPECT_EQ(tally().without_random, 0);
  EXPECT_EQ(tally().trials, 4);
  EXPECT_EQ(tally().with_result, 2);
  for (ResultRow& row : rows) {
    if (row.method == "random") row.outcome = "failed";
  }
  EXPECT_EQ(tally().random_failed, 1);
  EXPECT_EQ(tally().failed, 2);
}

TEST(Comparison, RatesAndStepsOfScoresAreCellsOfOneBlock) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  rows[1].rate = 0.5;
  append(rows, make_rows("gradient", {0.97, 0.96}));
  rows[3].pruned_at_step = 0;
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks, SizeIs(1));
  EXPECT_THAT(comparison.blocks[0].cells, SizeIs(3));
}

TEST(Comparison, AMethodIsSetAgainstItsOwnControls) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    rows.push_back(make_control_row("magnitude", "shuffle", seed, 0.95));
    rows.push_back(make_control_row("magnitude", "reinit", seed, 0.94));
    rows.push_back(make_control_row("magnitude", "small_dense", seed, 0.93));
  }
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks[0].cells, SizeIs(1));
  const MethodResult& reinit = comparison.blocks[0].cells[0].methods[1];
  const MethodResult& shuffle = comparison.blocks[0].cells[0].methods[2];
  EXPECT_EQ(shuffle.name(), "magnitude/shuffle");
  EXPECT_NEAR(shuffle.method_versus->mean_pp, 1.5, 1e-9);
  EXPECT_NEAR(reinit.method_versus->mean_pp, 2.5, 1e-9);
  const MethodResult& small = comparison.blocks[0].cells[0].methods[3];
  EXPECT_EQ(small.name(), "magnitude/small_dense");
  EXPECT_NEAR(small.method_versus->mean_pp, 3.5, 1e-9);
}

TEST(Comparison, AControlIsNeverSetAgainstAMethodThatWasRetrainedOtherwise) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    rows.push_back(make_control_row("magnitude", "reinit", seed, 0.94));
    rows.back().retrain = "rewind init";
  }
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks[0].cells, SizeIs(2));
  EXPECT_FALSE(comparison.blocks[0].cells[1].methods[0].method_versus);
}

TEST(Comparison, AMethodWithTwoCriteriaIsTwoMethods) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    rows.push_back(make_row("magnitude", seed, 0.95));
    rows.back().criterion = "gradient";
    rows.push_back(make_control_row("magnitude", "shuffle", seed, 0.94));
    rows.back().criterion = "gradient";
  }
  const Comparison comparison = compare_results(rows);
  ASSERT_THAT(comparison.blocks[0].cells, SizeIs(1));
  const std::vector<MethodResult>& methods = comparison.blocks[0].cells[0].methods;
  ASSERT_THAT(methods, SizeIs(3));
  EXPECT_EQ(methods[0].name(), "magnitude");
  EXPECT_EQ(methods[1].name(), "magnitude (gradient)");
  EXPECT_EQ(methods[2].name(), "magnitude (gradient)/shuffle");
  EXPECT_NEAR(methods[2].method_versus->mean_pp, 1, 1e-9);
}

TEST(Comparison, OfTwoResultsOfOneSeedInOneConfigurationTheFirstCounts) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  append(rows, make_rows("random", {0.90, 0.90}));
  rows.push_back(make_row("magnitude", 1, 0.5));
  const Comparison comparison = compare_results(rows);  // and no other sweep of the store suffers
  const std::vector<MethodResult>& methods = comparison.blocks.at(0).cells.at(0).methods;
  const auto magnitude = std::ranges::find(methods, "magnitude", &MethodResult::method);
  ASSERT_TRUE(magnitude != methods.end() && magnitude->versus_random);
  EXPECT_NEAR(magnitude->versus_random->mean_accuracy, 0.965, 1e-9);
}

TEST(Comparison, HolmCountsTheSweepsMethodsAndNotTheirControls) {
  std::vector<ResultRow> rows = make_rows("random", {0.90, 0.91, 0.92});
  append(rows, make_rows("magnitude", {0.95, 0.961, 0.972}));
  append(rows, make_rows("gradient", {0.91, 0.90, 0.93}));
  for (std::uint64_t seed = 0; seed < 3; ++seed) rows.push_back(make_control_row("gradient", "shuffle", seed, 0.91));
  const Comparison comparison = compare_results(rows);
  const std::vector<MethodResult>& methods = comparison.blocks[0].cells[0].methods;
  ASSERT_THAT(methods, SizeIs(4));
  EXPECT_EQ(methods[3].name(), "gradient/shuffle");
  EXPECT_TRUE(methods[3].versus_random && methods[3].method_versus->p_holm);
  EXPECT_FALSE(methods[3].versus_random->p_holm);
  EXPECT_NEAR(*methods[1].versus_random->p_holm, 2 * *methods[1].versus_random->p_value, 1e-12);
  EXPECT_NEAR(*methods[2].versus_random->p_holm, *methods[2].versus_random->p_value, 1e-12);
}

TEST(CellStatistics, AreTheComparisonOfWhatIsNeitherDenseNorRandom) {
  std::vector<ResultRow> rows = make_rows("dense", {0.98, 0.98, 0.98});
  append(rows, make_rows("magnitude", {0.97, 0.96, 0.95}));
  append(rows, make_rows("random", {0.96, 0.94, 0.92}));
  const std::vector<CellStatistics> cells = compute_cell_statistics(rows);
  ASSERT_THAT(cells, SizeIs(1));
  const CellStatistics& cell = cells[0];
  EXPECT_EQ(cell.method, "magnitude");
  EXPECT_EQ(cell.sweep, "curves");
  EXPECT_EQ(cell.seeds, 3);
  EXPECT_NEAR(*cell.mean_accuracy, 0.96, 1e-12);
  EXPECT_NEAR(*cell.random_mean_accuracy, 0.94, 1e-12);
  EXPECT_NEAR(*cell.mean_difference_pp, 2, 1e-9);
  EXPECT_NEAR(*cell.p_value, 0.0741799, 1e-7);
  EXPECT_NEAR(*cell.dense_accuracy, 0.98, 1e-12);
  EXPECT_EQ(cell.verdict, "inconclusive");
  EXPECT_EQ(cell.trial_key, rows[3].trial_key);
}

TEST(CellStatistics, WithoutRandomTheDifferenceIsUnknown) {
  const std::vector<CellStatistics> cells = compute_cell_statistics(make_rows("magnitude", {0.97, 0.95}));
  ASSERT_THAT(cells, SizeIs(1));
  EXPECT_EQ(cells[0].seeds, 0);
  EXPECT_NEAR(*cells[0].mean_accuracy, 0.96, 1e-12);
  EXPECT_FALSE(cells[0].random_mean_accuracy || cells[0].mean_difference_pp || cells[0].p_value);
}

TEST(UnequalWeights, AreToldWhereStructuresAreCounted) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.97, 0.96});
  append(rows, make_rows("gradient", {0.97, 0.96}));
  append(rows, make_rows("random", {0.95, 0.94}));
  for (ResultRow& row : rows) {
    row.granularity = "channel l2";
    row.sparsity_target = 0.5;
    row.sparsity = row.method == "magnitude" ? 0.3 + 0.02 * static_cast<double>(row.seed) : 0.5;
  }
  EXPECT_EQ(unequal_weights_text(compare_results(rows)),
            "channel l2 of magnitude at 50 %: 31.00 % of the weights removed, by random 50.00 %: as many units, not as "
            "many weights.\nThe controls shuffle and shuffle_sized keep as many units and as many weights.\n");
  for (ResultRow& row : rows) row.granularity = "weight";
  EXPECT_EQ(unequal_weights_text(compare_results(rows)), "");
}

}  // namespace
}  // namespace espalier
