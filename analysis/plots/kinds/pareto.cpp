#include <algorithm>

#include "analysis/plots/block_series.h"
#include "analysis/plots/kinds/kinds.h"

namespace espalier {
namespace {

/// Of all points those that none has fewer multiply-adds and is as accurate, or is more accurate with as few.
PlotSeries front_of(const std::vector<PlotSeries>& series) {
  std::vector<PlotPoint> all;
  for (const PlotSeries& one : series) all.insert(all.end(), one.points.begin(), one.points.end());
  PlotSeries front;
  front.label = "front";
  front.is_control = true;
  for (const PlotPoint& point : all) {
    const bool beaten = std::ranges::any_of(all, [&](const PlotPoint& other) {
      return other.x <= point.x && other.y >= point.y && (other.x < point.x || other.y > point.y);
    });
    if (!beaten) front.points.push_back({point.x, point.y, {}, {}});
  }
  std::ranges::sort(front.points, {}, &PlotPoint::x);
  return front;
}

}  // namespace

Picture draw_pareto(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": accuracy and multiply-adds";
  for (const ComparisonBlock& block : source.comparison().blocks) {
    PlotPanel panel;
    panel.title = panel_title(block);
    panel.x = {"multiply-adds of an example, millions", true, false};
    panel.y = {"test accuracy, %"};
    panel.y.most = 100;
    panel.series = series_of(block, [](const MethodResult& method) {
      return accuracy_point(method, mean_over(method, [](const ResultRow& row) {
                                      return (1 - row.madds_gone()) * static_cast<double>(row.madds_dense);
                                    }) / 1e6);
    });
    if (panel.series.empty()) continue;
    for (PlotSeries& one : panel.series) one.joined = false;
    panel.series.push_back(front_of(panel.series));
    picture.panels.push_back(std::move(panel));
  }
  picture.note = seeds_text(source.comparison()) + "; bars: 95 % interval of the mean (Student's t)";
  return picture;
}

}  // namespace espalier
