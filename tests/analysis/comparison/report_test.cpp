#include <algorithm>
#include <functional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison/comparison_report.h"
#include "analysis/comparison/results_report.h"
#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"
#include "base/error.h"
#include "tests/analysis/comparison/sample_rows.h"

namespace espalier {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Random, and methods whose differences from it are 4, 5, 6 (better), -1, 0, 1 (inconclusive) points.
std::vector<ResultRow> make_small_sweep() {
  std::vector<ResultRow> rows;
  for (const auto& [method, accuracies] : {std::pair("dense", std::vector{0.98, 0.98, 0.98}),
                                           {"magnitude", {0.94, 0.95, 0.96}},
                                           {"gradient", {0.89, 0.90, 0.91}},
                                           {"random", {0.90, 0.90, 0.90}}}) {
    for (const ResultRow& row : make_rows(method, accuracies)) rows.push_back(row);
  }
  return rows;
}

std::string render(const std::vector<ResultRow>& rows, OutputFormat format) {
  return render_comparison(compare_results(rows), format);
}

TEST(ComparisonReport, ReadsLikeThis) {
  EXPECT_EQ(render(make_small_sweep(), OutputFormat::table),
            R"(curves: lenet-300-100 on glyphs
dense test accuracy 98.00 % over 3 seeds
granularity weight, allocation global, retrain finetune 2ep, scored at step 4,585

sparsity  schedule  method     n  test %  vs dense     nominal 95 %  vs random    nominal 95 %     p Holm
--------  --------  ---------  -  ------  --------  ---------------  ---------  --------------  -  ------
    90 %  one_shot  random     3   90.00     -8.00
                    magnitude  3   95.00     -3.00   [-5.48, -0.52]      +5.00  [+2.52, +7.48]  +   0.026
                    gradient   3   90.00     -8.00  [-10.48, -5.52]       0.00  [-2.48, +2.48]  ~   1.000

Of 2 comparisons with random after Holm's correction: 1 better, 0 worse, 1 inconclusive.
+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.
Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
)");
}

void set(std::vector<ResultRow>& rows, const std::string& method, const std::function<void(ResultRow&)>& change) {
  for (ResultRow& row : rows) {
    if (row.method == method) change(row);
  }
}

/// At 90 %: magnitude is fine and better; a network of gradient is at chance, one of snip diverged; taylor lacks a
/// seed, and one of its trials failed. At 98 % random collapsed, and magnitude has no result yet.
std::vector<ResultRow> make_troubled_sweep() {
  std::vector<ResultRow> rows = make_rows("dense", {0.98, 0.98, 0.1});
  rows[2].outcome = "at chance";
  for (const auto& [method, accuracies] : {std::pair("magnitude", std::vector{0.95, 0.96, 0.97}),
                                           {"gradient", {0.90, 0.91, 0.1135}},
                                           {"snip", {0.94, 0.95, 0.95}},
                                           {"taylor", {0.94, 0.95, 0.95}},
                                           {"random", {0.90, 0.91, 0.91}}}) {
    for (const ResultRow& row : make_rows(method, accuracies)) rows.push_back(row);
  }
  for (ResultRow& row : rows) {
    row.dense_outcome = row.seed == 2 ? "at chance" : "learned";
    row.dense_accuracy = row.seed == 2 ? 0.1 : 0.98;
    row.evaluation_key = row.trial_key;
    if (row.method == "gradient" && row.seed == 2) row.outcome = "at chance";
    if (row.method == "snip" && row.seed == 0) row.outcome = "diverged";
    if (row.method == "snip" && row.seed == 0) row.accuracy.reset();
    if (row.method == "taylor" && row.seed == 1) row.outcome = "waiting";
    if (row.method == "taylor" && row.seed == 2) row.outcome = "failed";
  }
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (const char* method : {"magnitude", "gradient", "random"}) {
      ResultRow& row = rows.emplace_back(make_row(method, seed, method == std::string("random") ? 0.1 : 0.6));
      row.sparsity_target = row.sparsity = 0.98;
      row.dense_outcome = seed == 2 ? "at chance" : "learned";
      if (row.method == "random") row.outcome = "collapsed";
      if (row.method == "magnitude") row.outcome = "waiting";
    }
  }
  return rows;
}

TEST(ComparisonReport, MarksWhatIsDeadOrMissingAndTestsNothingOfIt) {
  EXPECT_EQ(render(make_troubled_sweep(), OutputFormat::table),
            R"(curves is not complete: 22 of 27 trials have a result, 4 are not there yet, 1 failed.

curves: lenet-300-100 on glyphs
dense test accuracy 68.67 % over 3 seeds; dense networks that did not learn: 1 at chance
granularity weight, allocation global, retrain finetune 2ep, scored at step 4,585

sparsity  schedule  method     n  test %  vs dense  nominal 95 %  vs random    nominal 95 %     p Holm  note
--------  --------  ---------  -  ------  --------  ------------  ---------  --------------  -  ------  -------------------------
    90 %  one_shot  random     3   90.67    +22.00             !
                    magnitude  3   96.00    +27.33             !      +5.33  [+3.90, +6.77]  +   0.004
                    gradient   3   64.12     -4.55             !     -26.55                  !          at chance 1/3
                    snip       2   95.00    +41.00             !      +4.00                  !          diverged 1/3
                    taylor     1   94.00     -4.00                    +4.00                  ~          1 not there yet; 1 failed

    98 %  one_shot  random     3   10.00    -88.00             !                                        collapsed 3/3
                    gradient   3   60.00    -38.00             !     +50.00                  !

Of 5 comparisons with random after Holm's correction: 1 better, 0 worse, 1 inconclusive, 3 not tested.
+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.
Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
! not tested: a network of either side did not learn, as the notes say (dense networks: the heading).
Networks that did not learn: 2 at chance, 3 collapsed, 1 diverged.
3 results left out of pairs: the other one is not there.
)");
}

TEST(ComparisonReport, TellsWhatIsNotThereYetFromWhatNeverWillBe) {
  std::vector<ResultRow> rows = make_small_sweep();
  set(rows, "random", [](ResultRow& row) { row.outcome = "waiting"; });
  set(rows, "gradient", [](ResultRow& row) { row.outcome = "waiting"; });
  EXPECT_EQ(render(rows, OutputFormat::table),
            R"(curves is not complete: 6 of 12 trials have a result, 6 are not there yet.

curves: lenet-300-100 on glyphs
dense test accuracy 98.00 % over 3 seeds
granularity weight, allocation global, retrain finetune 2ep, scored at step 4,585

sparsity  schedule  method     n  test %  vs dense    nominal 95 %
--------  --------  ---------  -  ------  --------  --------------
    90 %  one_shot  magnitude  3   95.00     -3.00  [-5.48, -0.52]

Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
Not compared: 1 whose random control is not there yet.
)");
  for (ResultRow& row : rows) row.outcome = "waiting", row.dense_accuracy.reset();
  EXPECT_EQ(render(rows, OutputFormat::table),
            "curves is not complete: 0 of 12 trials have a result, 12 are not there yet.\nNo results yet.\n");
}

TEST(ComparisonReport, CountsOneComputationUnderTwoNamesOnce) {
  std::vector<ResultRow> rows = make_small_sweep();
  for (ResultRow& row : rows) row.evaluation_key = row.trial_key;
  for (const ResultRow& row : make_small_sweep()) {
    if (row.method == "dense") continue;
    rows.push_back(row);
    rows.back().schedule = "iterative";
    rows.back().rate = 0.9;
    rows.back().evaluation_key = row.trial_key;
  }
  EXPECT_EQ(render(rows, OutputFormat::table),
            R"(curves: lenet-300-100 on glyphs
dense test accuracy 98.00 % over 3 seeds
granularity weight, allocation global, retrain finetune 2ep, scored at step 4,585

sparsity  schedule            method     n  test %  vs dense     nominal 95 %  vs random    nominal 95 %     p Holm  note
--------  ------------------  ---------  -  ------  --------  ---------------  ---------  --------------  -  ------  -------------------------
    90 %  one_shot            random     3   90.00     -8.00
                              magnitude  3   95.00     -3.00   [-5.48, -0.52]      +5.00  [+2.52, +7.48]  +   0.026
                              gradient   3   90.00     -8.00  [-10.48, -5.52]       0.00  [-2.48, +2.48]  ~   1.000
          iterative rate 0.9  random     3   90.00     -8.00                                                         same networks as one_shot
                              magnitude  3   95.00     -3.00   [-5.48, -0.52]      +5.00  [+2.52, +7.48]  +   0.026  same networks as one_shot
                              gradient   3   90.00     -8.00  [-10.48, -5.52]       0.00  [-2.48, +2.48]  ~   1.000  same networks as one_shot

Of 2 comparisons with random after Holm's correction: 1 better, 0 worse, 1 inconclusive.
+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.
Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
Counted once: 2 that would compare the same networks again under another name.
)");
}

TEST(ComparisonReport, SaysAtWhichStepsEachRoundScored) {
  std::vector<ResultRow> rows = make_small_sweep();
  for (ResultRow& row : rows) row.pruned_at_step = 0;
  const auto heading = [&] { return lines_of(render(rows, OutputFormat::table)).at(2); };
  const std::string settings = "granularity weight, allocation global, retrain finetune 2ep, ";
  EXPECT_EQ(heading(), settings + "scored at step 0");
  set(rows, "magnitude", [](ResultRow& row) { row.schedule = "iterative", row.rounds = 5; });
  EXPECT_EQ(heading(), settings + "first scored at step 0");  // of a store that does not know more
  set(rows, "magnitude", [](ResultRow& row) { row.later_rounds_score = "step 918"; });
  EXPECT_EQ(heading(), settings + "scored at step 0, later rounds score step 918");
}

TEST(ComparisonReport, ARowOfStructuresShowsTheWeightsAndMultiplyAddsThatAreGone) {
  std::vector<ResultRow> rows = make_small_sweep();
  for (ResultRow& row : rows) {
    row.granularity = "filter l2";
    row.sparsity = 0.0533;
    row.madds_effective = row.madds_dense / 4;
    if (row.method != "gradient") continue;  // whose filters leave, with what reads them
    row.params_shrunk = row.params_total / 2;
    row.madds_shrunk = row.madds_dense / 10;
  }
  EXPECT_EQ(render(rows, OutputFormat::table),
            R"(curves: lenet-300-100 on glyphs
dense test accuracy 98.00 % over 3 seeds
granularity filter l2, allocation global, retrain finetune 2ep, scored at step 4,585

sparsity  schedule  method     of weights  of madds  n  test %  vs dense     nominal 95 %  vs random    nominal 95 %     p Holm
--------  --------  ---------  ----------  --------  -  ------  --------  ---------------  ---------  --------------  -  ------
    90 %  one_shot  random         5.33 %      75 %  3   90.00     -8.00
                    magnitude      5.33 %      75 %  3   95.00     -3.00   [-5.48, -0.52]      +5.00  [+2.52, +7.48]  +   0.026
                    gradient         50 %      90 %  3   90.00     -8.00  [-10.48, -5.52]       0.00  [-2.48, +2.48]  ~   1.000

Of 2 comparisons with random after Holm's correction: 1 better, 0 worse, 1 inconclusive.
+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.
Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
)");
}

/// The accuracies of experiments/sweeps/quickstart.yaml, as a run of it gave them.
std::vector<ResultRow> make_quickstart_rows() {
  struct Line {
    const char* method;
    std::int64_t rounds;
    double sparsity;
    double accuracies[3];
  };
  constexpr double kDense[] = {0.9815, 0.98125, 0.98125};
  constexpr Line kLines[] = {
      {"random", 1, 0.5, {0.97225, 0.9705, 0.974}},      {"random", 3, 0.5, {0.981, 0.9795, 0.98275}},
      {"random", 1, 0.8, {0.881, 0.8795, 0.87475}},      {"random", 3, 0.8, {0.95025, 0.949, 0.94675}},
      {"random", 1, 0.9, {0.80625, 0.813, 0.80075}},     {"random", 3, 0.9, {0.85475, 0.86975, 0.83725}},
      {"random", 1, 0.95, {0.69975, 0.688, 0.67325}},    {"random", 3, 0.95, {0.7435, 0.72775, 0.72}},
      {"random", 1, 0.98, {0.31175, 0.283, 0.3915}},     {"random", 3, 0.98, {0.38125, 0.31375, 0.414}},
      {"magnitude", 1, 0.5, {0.97775, 0.98275, 0.984}},  {"magnitude", 3, 0.5, {0.98625, 0.984, 0.983}},
      {"magnitude", 1, 0.8, {0.985, 0.9835, 0.982}},     {"magnitude", 3, 0.8, {0.985, 0.986, 0.98475}},
      {"magnitude", 1, 0.9, {0.9805, 0.97525, 0.977}},   {"magnitude", 3, 0.9, {0.985, 0.98075, 0.98075}},
      {"magnitude", 1, 0.95, {0.9645, 0.9635, 0.95675}}, {"magnitude", 3, 0.95, {0.97475, 0.9695, 0.96975}},
      {"magnitude", 1, 0.98, {0.8655, 0.8775, 0.84875}}, {"magnitude", 3, 0.98, {0.92525, 0.91525, 0.90425}},
      {"gradient", 1, 0.5, {0.977, 0.97725, 0.97525}},   {"gradient", 3, 0.5, {0.97925, 0.98325, 0.97425}},
      {"gradient", 1, 0.8, {0.96725, 0.96525, 0.955}},   {"gradient", 3, 0.8, {0.97425, 0.9745, 0.9725}},
      {"gradient", 1, 0.9, {0.905, 0.919, 0.91075}},     {"gradient", 3, 0.9, {0.9515, 0.947, 0.95475}},
      {"gradient", 1, 0.95, {0.72675, 0.8205, 0.75}},    {"gradient", 3, 0.95, {0.882, 0.9035, 0.90775}},
      {"gradient", 1, 0.98, {0.4345, 0.52925, 0.51175}}, {"gradient", 3, 0.98, {0.77875, 0.7935, 0.7925}},
  };
  std::vector<ResultRow> rows = make_rows("dense", {kDense[0], kDense[1], kDense[2]});
  for (const Line& line : kLines) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      ResultRow& row = rows.emplace_back(make_row(line.method, seed, line.accuracies[seed]));
      row.sparsity_target = row.sparsity = line.sparsity;
      row.rounds = line.rounds;
      row.schedule = line.rounds == 1 ? "one_shot" : "iterative";
      row.pruned_at_step = 1125;
      row.later_rounds_score = line.rounds == 1 ? "" : "networks retrained for 450 steps";
      row.dense_accuracy = kDense[seed];
    }
  }
  for (ResultRow& row : rows) row.sweep = "quickstart";
  return rows;
}

// 15 of these 20 have a nominal interval that leaves zero out; the correction leaves 9.
TEST(ComparisonReport, ReadsLikeThisOfTheFirstSweep) {
  EXPECT_EQ(render(make_quickstart_rows(), OutputFormat::table),
            R"(quickstart: lenet-300-100 on glyphs
dense test accuracy 98.13 % [98.10, 98.17] over 3 seeds
granularity weight, allocation global, retrain finetune 2ep, scored at step 1,125, later rounds score networks retrained for 450 steps

sparsity  schedule      method     n  test %  vs dense      nominal 95 %  vs random      nominal 95 %       p Holm
--------  ------------  ---------  -  ------  --------  ----------------  ---------  ----------------  ---  ------
    50 %  one_shot      random     3   97.23     -0.91    [-1.34, -0.47]
                        magnitude  3   98.15     +0.02    [-0.84, +0.87]      +0.93    [+0.07, +1.78]  (+)   0.258
                        gradient   3   97.65     -0.48    [-0.74, -0.22]      +0.42    [-0.27, +1.12]  ~     0.473
          iterative x3  random     3   98.11     -0.02    [-0.43, +0.38]
                        magnitude  3   98.44     +0.31    [-0.07, +0.69]      +0.33    [-0.34, +1.00]  ~     0.473
                        gradient   3   97.89     -0.24    [-1.36, +0.88]      -0.22    [-1.74, +1.31]  ~     0.603

    80 %  one_shot      random     3   87.84    -10.29   [-11.08, -9.51]
                        magnitude  3   98.35     +0.22    [-0.13, +0.56]     +10.51  [+10.04, +10.97]  +     0.002
                        gradient   3   96.25     -1.88    [-3.49, -0.27]      +8.41    [+7.58, +9.24]  +     0.009
          iterative x3  random     3   94.87     -3.27    [-3.68, -2.85]
                        magnitude  3   98.52     +0.39    [+0.21, +0.57]      +3.66    [+3.24, +4.07]  +     0.010
                        gradient   3   97.38     -0.76    [-1.02, -0.50]      +2.51    [+2.27, +2.74]  +     0.009

    90 %  one_shot      random     3   80.67    -17.47  [-18.99, -15.94]
                        magnitude  3   97.76     -0.37    [-1.01, +0.26]     +17.09  [+15.21, +18.97]  +     0.010
                        gradient   3   91.16     -6.97    [-8.75, -5.20]     +10.49   [+9.08, +11.91]  +     0.013
          iterative x3  random     3   85.39    -12.74   [-16.78, -8.70]
                        magnitude  3   98.22     +0.08    [-0.49, +0.66]     +12.82   [+8.77, +16.88]  (+)   0.059
                        gradient   3   95.11     -3.02    [-3.99, -2.06]      +9.72   [+4.72, +14.72]  (+)   0.098

    95 %  one_shot      random     3   68.70    -29.43  [-32.70, -26.16]
                        magnitude  3   96.16     -1.97    [-3.00, -0.95]     +27.46  [+25.12, +29.80]  +     0.007
                        gradient   3   76.58    -21.56   [-33.71, -9.41]      +7.88   [-5.24, +20.99]  ~     0.473
          iterative x3  random     3   73.04    -25.09  [-28.03, -22.15]
                        magnitude  3   97.13     -1.00    [-1.70, -0.30]     +24.09  [+21.79, +26.40]  +     0.009
                        gradient   3   89.77     -8.36   [-11.82, -4.89]     +16.73  [+10.35, +23.11]  (+)   0.062

    98 %  one_shot      random     3   32.88    -65.26  [-79.23, -51.29]
                        magnitude  3   86.39    -11.74   [-15.33, -8.16]     +53.52  [+36.01, +71.03]  (+)   0.059
                        gradient   3   49.18    -48.95  [-61.51, -36.39]     +16.31   [-1.59, +34.20]  ~     0.297
          iterative x3  random     3   36.97    -61.17  [-73.86, -48.48]
                        magnitude  3   91.49     -6.64    [-9.22, -4.06]     +54.53  [+40.70, +68.35]  +     0.041
                        gradient   3   78.83    -19.31  [-21.39, -17.23]     +41.86  [+28.49, +55.23]  (+)   0.059

Of 20 comparisons with random after Holm's correction: 9 better, 0 worse, 11 inconclusive (6 nominally apart).
+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.
(+) (-) inconclusive, too: only the nominal interval leaves zero out.
Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, each
as if it were the only one; none where one pair or equal differences tell nothing of the spread.
)");
}

TEST(ComparisonReport, IsNarrowerThan110Columns) {
  std::vector<std::size_t> widths;
  for (const std::string& line : lines_of(render(make_sweep_rows(), OutputFormat::table)))
    widths.push_back(line.size());
  EXPECT_THAT(widths, Each(Le(110U)));
}

TEST(ComparisonReport, SetsMethodsAgainstTheirOwnControlsInATableOfTheirOwn) {
  std::vector<ResultRow> rows = make_small_sweep();
  for (std::uint64_t seed = 0; seed < 3; ++seed) rows.push_back(make_control_row("magnitude", "reinit", seed, 0.93));
  const std::string text = render(rows, OutputFormat::table);
  EXPECT_THAT(text, HasSubstr(R"(
Methods against their own controls

sparsity  schedule  method     control  n  method %  control %  difference    nominal 95 %     p Holm
--------  --------  ---------  -------  -  --------  ---------  ----------  --------------  -  ------
    90 %  one_shot  magnitude  reinit   3     95.00      93.00       +2.00  [-0.48, +4.48]  ~   0.074
)"));
  EXPECT_THAT(text, HasSubstr("Of 2 comparisons"));
  EXPECT_THAT(render(make_small_sweep(), OutputFormat::table), Not(HasSubstr("own controls")));
}

TEST(ComparisonReport, MarkdownRowsStandAlone) {
  const std::string text = render(make_small_sweep(), OutputFormat::markdown);
  EXPECT_THAT(text, HasSubstr("### curves: lenet-300-100 on glyphs\n"));
  EXPECT_THAT(text, HasSubstr("| 90 % | one_shot | gradient | 3 | 90.00 | -8.00 | [-10.48, -5.52] | 0.00 | [-2.48, "
                              "+2.48] | ~ | 1.000 |\n"));
}

TEST(ComparisonReport, CsvAndJsonAreExactFractions) {
  const auto records = nlohmann::json::parse(render(make_small_sweep(), OutputFormat::json));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["method"], "random");
  EXPECT_TRUE(records[0]["mean_difference_pp"].is_null());
  EXPECT_EQ(records[1]["verdict"], "better");
  EXPECT_NEAR(records[1]["mean_difference_pp"].get<double>(), 5, 1e-9);
  EXPECT_NEAR(records[1]["mean_accuracy"].get<double>(), 0.95, 1e-12);

  const std::vector<std::string> lines = lines_of(render(make_small_sweep(), OutputFormat::csv));
  ASSERT_THAT(lines, SizeIs(4));
  for (const std::string& line : lines) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), static_cast<std::ptrdiff_t>(records[0].size()) - 1) << line;
  }
}

TEST(ComparisonReport, ADenseNetworkAloneHasABlockOnlyWhereNoPrunedOneShowsIt) {
  std::vector<ResultRow> rows = make_rows("dense", {0.98, 0.98});
  EXPECT_EQ(render(rows, OutputFormat::table),
            "curves: lenet-300-100 on glyphs\ndense test accuracy 98.00 % over 2 seeds\n\n");
  rows.push_back(make_row("magnitude", 0, 0.97));
  rows.back().variant = "prune.batches=2";
  const std::string text = render(rows, OutputFormat::table);
  EXPECT_EQ(text.find("curves: lenet-300-100 on glyphs, prune.batches=2\ndense test accuracy 98.00 % over 1 seed\n"),
            0U)
      << text;
}

TEST(ComparisonReport, SaysWhatIsMissing) {
  std::vector<ResultRow> rows = make_rows("magnitude", {0.9, 0.9});
  EXPECT_THAT(render(rows, OutputFormat::table), HasSubstr("1 without a random control"));
  rows.push_back(make_row("random", 0, 0.8));
  EXPECT_THAT(render(rows, OutputFormat::table), HasSubstr("1 results left out of pairs"));
  EXPECT_EQ(render({}, OutputFormat::table), "No results yet.\n");
  EXPECT_EQ(render({}, OutputFormat::json), "[]\n");
  EXPECT_THAT(lines_of(render({}, OutputFormat::csv)), SizeIs(1));
}

TEST(ResultsReport, TableHasWhatOneReadsAndCsvAll) {
  const std::vector<ResultRow> rows = make_small_sweep();
  const std::vector<std::string> table = lines_of(render_results(rows, OutputFormat::table));
  EXPECT_EQ(table[0], "curves: lenet-300-100 on glyphs");
  EXPECT_EQ(table[2],
            "method     schedule  seed  sparsity  params kept    madds  test %    loss  dense %  time  trial");
  EXPECT_EQ(table[7].substr(0, 73), "magnitude  one_shot     0      90 %       27,030   26,620   94.00  0.1000");
  const std::vector<std::string> csv = lines_of(render_results(rows, OutputFormat::csv));
  EXPECT_THAT(csv, SizeIs(rows.size() + 1));
  EXPECT_THAT(csv[0], HasSubstr("sweep,dataset,model,seed,method,"));
  EXPECT_EQ(nlohmann::json::parse(render_results(rows, OutputFormat::json))[3]["accuracy"], 0.94);
  EXPECT_EQ(render_results({}, OutputFormat::markdown), "No results yet.\n");
  EXPECT_THAT(render_results(rows, OutputFormat::table), Not(HasSubstr("effective")));
  std::vector<ResultRow> collapsed = rows;
  collapsed.back().effective_sparsity = 1;
  collapsed.back().connected = false;
  collapsed.back().collapsed = true;
  collapsed.back().outcome = "collapsed";
  EXPECT_THAT(render_results(collapsed, OutputFormat::table), AllOf(HasSubstr("effective"), HasSubstr("collapsed")));
  EXPECT_THAT(render_results(collapsed, OutputFormat::csv), HasSubstr(",false,true,0,"));
}

TEST(ResultsReport, WhatIsGoneOfAllIsInTheTableWhereMuchCannotBePruned) {
  std::vector<ResultRow> rows = make_small_sweep();
  EXPECT_THAT(render_results(rows, OutputFormat::table), Not(HasSubstr("of all")));
  for (ResultRow& row : rows) row.sparsity_total = 0.16 * row.sparsity;
  EXPECT_THAT(render_results(rows, OutputFormat::table),
              AllOf(HasSubstr("sparsity  of all"), HasSubstr("90 %  14.4 %")));
}

TEST(ResultsReport, TheHeadingSaysWhatAllRowsShare) {
  std::vector<ResultRow> rows = make_small_sweep();
  rows[0].dataset = "fashion-mnist";
  const auto lines = [&] { return lines_of(render_results(rows, OutputFormat::table)); };
  EXPECT_EQ(lines()[0], "curves: lenet-300-100");
  EXPECT_EQ(lines()[2].substr(0, 8), "dataset ");
  rows[0].model = "lenet-5";
  EXPECT_EQ(lines()[0], "curves");
  rows[0].sweep = "other";
  EXPECT_EQ(lines()[0].substr(0, 6), "sweep ");
}

TEST(ResultsReport, ShowsValidationRatesAndStepsWhereThereAreAny) {
  std::vector<ResultRow> rows{make_row("magnitude", 0, 0.95), make_row("magnitude", 1, 0.94)};
  rows[1].pruned_at_step = 0;
  rows[1].rate = 0.2;
  rows[1].validation_accuracy = 0.93;
  const std::vector<std::string> lines = lines_of(render_results(rows, OutputFormat::table));
  EXPECT_EQ(lines[2].substr(0, 41), "method     schedule           pruned at  ");
  EXPECT_THAT(lines[2], HasSubstr("  validation %  test %  "));
  EXPECT_EQ(lines[5].substr(0, 41), "magnitude  one_shot rate 0.2          0  ");
  EXPECT_THAT(lines[5], HasSubstr("  93.00   94.00  "));
}

TEST(ResultsReport, NamesWhatTellsPrunedRowsApart) {
  std::vector<ResultRow> rows{make_row("dense", 0, 0.98), make_row("magnitude", 0, 0.95)};
  const auto title = [&] { return lines_of(render_results(rows, OutputFormat::table))[2]; };
  const std::string measures = "  seed  sparsity  params kept    madds  test %    loss  dense %  time  trial";
  EXPECT_EQ(title(), "method     schedule" + measures);  // that a dense network has no granularity tells nothing
  rows.push_back(make_row("magnitude", 0, 0.94));
  rows.back().granularity = "row l1";
  EXPECT_EQ(title(), "method     granularity  schedule" + measures);
  rows.push_back(make_row("magnitude", 0, 0.93));
  rows.back().allocation = "erk";
  EXPECT_EQ(title(), "method     granularity  allocation  schedule" + measures);
  rows.push_back(make_row("magnitude", 0, 0.92));
  rows.back().retrain = "rewind 1ep";
  EXPECT_EQ(title(), "method     granularity  allocation  schedule  retrain     " + measures);
  const std::vector<std::string> lines = lines_of(render_results(rows, OutputFormat::table));
  EXPECT_EQ(lines[4].substr(0, 64), "dense" + std::string(58, ' ') + "0");
  EXPECT_EQ(lines[6].substr(0, 60), "magnitude  row l1       global      one_shot  finetune 2ep  ");
  EXPECT_EQ(lines[8].substr(0, 60), "magnitude  weight       global      one_shot  rewind 1ep    ");
  EXPECT_THAT(render_results({make_row("dense", 0, 0.98)}, OutputFormat::table), Not(HasSubstr("granularity")));
}

TEST(TextTable, QuotesWhatEachFormatNeeds) {
  TextTable table({{"a"}, {"b", true}});
  table.add_row({"x, \"y\"", "1|2"});
  EXPECT_EQ(table.to_csv(), "a,b\r\n\"x, \"\"y\"\"\",1|2\r\n");
  EXPECT_EQ(table.to_markdown(), "| a | b |\n| --- | ---: |\n| x, \"y\" | 1\\|2 |\n");
  EXPECT_THROW(table.add_row({"one"}), Error);
}

TEST(NumberText, RoundsForPeople) {
  EXPECT_EQ(percent_text(0.97125), "97.12");
  EXPECT_EQ(sparsity_text(0.9), "90 %");
  EXPECT_EQ(sparsity_text(0.995), "99.5 %");
  EXPECT_EQ(sparsity_text(0.9641815), "96.42 %");
  EXPECT_EQ(points_text(-0.004), "0.00");
  EXPECT_EQ(points_text(1.5), "+1.50");
  EXPECT_EQ(p_value_text(0.0004), "<0.001");
  EXPECT_EQ(count_text(266610), "266,610");
  EXPECT_EQ(count_text(-1234567), "-1,234,567");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(exact_text(0.1), "0.1");
}

TEST(OutputFormat, NamesTheChoices) {
  EXPECT_EQ(parse_output_format("csv"), OutputFormat::csv);
  EXPECT_THROW(parse_output_format("xml"), Error);
}

}  // namespace
}  // namespace espalier
