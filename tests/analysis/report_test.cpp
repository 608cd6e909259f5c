#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison_report.h"
#include "analysis/number_text.h"
#include "analysis/results_report.h"
#include "analysis/text_table.h"
#include "base/error.h"
#include "sample_rows.h"

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
dense accuracy 98.00 % over 3 seeds
granularity weight, allocation global, retrain finetune 2ep, pruned at step 4,585

sparsity  schedule  method     n  accuracy %  vs dense  vs random   95 % interval      p Holm
--------  --------  ---------  -  ----------  --------  ---------  --------------  --  ------
    90 %  one_shot  random     3       90.00     -8.00
                    magnitude  3       95.00     -3.00      +5.00  [+2.52, +7.48]  +*   0.026
                    gradient   3       90.00     -8.00       0.00  [-2.48, +2.48]  ~    1.000

Against random, of 2 comparisons: 1 better (+), 0 worse (-), 1 inconclusive (~).
Differences are means over n seeds in percentage points, paired by seed, with Student's t interval;
~ where it holds zero, or one pair or equal differences give none; * where p < 0.05 after Holm's correction.
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

sparsity  schedule  method     control  n  method %  control %  difference   95 % interval     p Holm
--------  --------  ---------  -------  -  --------  ---------  ----------  --------------  -  ------
    90 %  one_shot  magnitude  reinit   3     95.00      93.00       +2.00  [-0.48, +4.48]  ~   0.074
)"));
  EXPECT_THAT(text, HasSubstr("of 2 comparisons"));
  EXPECT_THAT(render(make_small_sweep(), OutputFormat::table), Not(HasSubstr("own controls")));
}

TEST(ComparisonReport, MarkdownRowsStandAlone) {
  const std::string text = render(make_small_sweep(), OutputFormat::markdown);
  EXPECT_THAT(text, HasSubstr("### curves: lenet-300-100 on glyphs\n"));
  EXPECT_THAT(text,
              HasSubstr("| 90 % | one_shot | gradient | 3 | 90.00 | -8.00 | 0.00 | [-2.48, +2.48] | ~ | 1.000 |\n"));
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
            "curves: lenet-300-100 on glyphs\ndense accuracy 98.00 % over 2 seeds\n\n");
  rows.push_back(make_row("magnitude", 0, 0.97));
  rows.back().variant = "prune.batches=2";
  const std::string text = render(rows, OutputFormat::table);
  EXPECT_EQ(text.find("curves: lenet-300-100 on glyphs, prune.batches=2\ndense accuracy 98.00 % over 1 seed\n"), 0U)
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
            "method     schedule  seed  sparsity  params kept    madds  accuracy %    loss  dense %  time  trial");
  EXPECT_EQ(table[7].substr(0, 77), "magnitude  one_shot     0      90 %       27,030   26,620       94.00  0.1000");
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
  EXPECT_THAT(render_results(collapsed, OutputFormat::table), AllOf(HasSubstr("effective"), HasSubstr("collapsed")));
  EXPECT_THAT(render_results(collapsed, OutputFormat::csv), HasSubstr(",false,true,0\r\n"));
}

TEST(ResultsReport, NamesWhatTellsPrunedRowsApart) {
  std::vector<ResultRow> rows{make_row("dense", 0, 0.98), make_row("magnitude", 0, 0.95)};
  const auto title = [&] { return lines_of(render_results(rows, OutputFormat::table))[2]; };
  const std::string measures = "  seed  sparsity  params kept    madds  accuracy %    loss  dense %  time  trial";
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
