#include "analysis/plots/gnuplot_script.h"

#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/plots/block_series.h"
#include "analysis/plots/plots.h"
#include "base/error.h"
#include "tests/analysis/comparison/sample_rows.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;

Picture one_line() {
  Picture picture;
  picture.title = "sweep";
  PlotPanel panel;
  panel.title = "model on data";
  panel.x = {"weights left, %", true, true};
  panel.y = {"accuracy"};
  PlotSeries line;
  line.label = "magnitude";
  line.points = {{10, 90, 89.0, 91.0}, {50, 95, {}, {}}};
  panel.series.push_back(line);
  panel.lines.push_back({"dense", 97});
  picture.panels.push_back(panel);
  picture.note = "n = 3 seeds";
  return picture;
}

TEST(GnuplotScript, DrawsLinesBandsAndReferences) {
  const std::string script = gnuplot_script(one_line(), "svg");
  EXPECT_THAT(script, HasSubstr("set terminal svg"));
  EXPECT_THAT(script, HasSubstr("set logscale x"));
  EXPECT_THAT(script, HasSubstr("set xrange [*:*] reverse"));
  EXPECT_THAT(script, HasSubstr("10 90 89 91\n50 95 95 95\n"));
  EXPECT_THAT(script, HasSubstr("filledcurves"));
  EXPECT_THAT(script, HasSubstr("97 with lines"));
  EXPECT_THAT(gnuplot_script(one_line(), "png"), HasSubstr("pngcairo"));
  EXPECT_THAT(gnuplot_script(one_line(), "pdf"), HasSubstr("pdfcairo"));
}

/// Names come from sweeps of others: none may reach gnuplot as a command.
TEST(GnuplotScript, NoNameBecomesACommand) {
  Picture picture = one_line();
  const std::string hostile = "it's `touch /tmp/x`\"\n!touch /tmp/y\nsystem('z') $a % \\";
  picture.title = picture.note = hostile;
  PlotPanel& panel = picture.panels.front();
  panel.title = panel.x.label = panel.y.label = panel.series.front().label = panel.lines.front().label = hostile;
  panel.y.names = {hostile};
  const std::string script = gnuplot_script(picture, "svg");
  EXPECT_THAT(script, Not(HasSubstr("\n!touch")));
  EXPECT_THAT(script, Not(HasSubstr("\nsystem")));
  EXPECT_THAT(script, HasSubstr("'it''s `touch /tmp/x`\" !touch /tmp/y system(''z'') $a % \\'"));
  EXPECT_THAT(script, HasSubstr("$a %% \\'"));  // a tic's text is a format
  // Every quote that is opened is closed on its line.
  std::size_t first = 0;
  for (std::size_t end = script.find('\n'); end != std::string::npos; first = end + 1, end = script.find('\n', first)) {
    const std::string line = script.substr(first, end - first);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\'') % 2, 0) << line;
  }
}

TEST(GnuplotScript, HeatMapsHaveHoles) {
  Picture picture;
  PlotPanel& panel = picture.panels.emplace_back();
  panel.heat = HeatMap{{"a 80 %"}, {"fc1", "fc2"}, {{0.5, std::numeric_limits<double>::quiet_NaN()}}};
  const std::string script = gnuplot_script(picture, "svg");
  EXPECT_THAT(script, HasSubstr("0.5 NaN \n"));
  EXPECT_THAT(script, HasSubstr("'a 80 %%' 0"));
  EXPECT_EQ(picture_csv(picture), "panel,series,x,y,low,high\r\n,a 80 %,fc1,0.5,,\r\n,a 80 %,fc2,,,\r\n");
}

TEST(BlockSeries, AMethodAndItsSettingsAreALine) {
  const std::vector<ResultRow> rows = make_sweep_rows();
  const Comparison comparison = compare_results(rows);
  const std::vector<PlotSeries> lines = series_of(comparison.blocks.front(), [](const MethodResult& method) {
    return accuracy_point(method, mean_over(method, [](const ResultRow& row) { return row.sparsity; }));
  });
  const auto find = [&](const std::string& label) {
    return std::ranges::find_if(lines, [&](const PlotSeries& one) { return one.label.starts_with(label); });
  };
  ASSERT_NE(find("magnitude,"), lines.end());
  EXPECT_EQ(find("magnitude,")->points.size(), 3U);
  EXPECT_FALSE(find("magnitude,")->is_control);
  EXPECT_TRUE(find("random")->is_control);
  EXPECT_TRUE(std::ranges::is_sorted(find("magnitude,")->points, {}, &PlotPoint::x));
  EXPECT_TRUE(find("magnitude,")->points.front().low);
  EXPECT_THAT(seeds_text(comparison), HasSubstr("3 seeds"));
}

TEST(Plots, AreFoundByName) {
  EXPECT_EQ(find_plot_kind("pareto").name, "pareto");
  try {
    find_plot_kind("acuracy");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("accuracy"));
  }
}

}  // namespace
}  // namespace espalier
