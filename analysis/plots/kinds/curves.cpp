#include <algorithm>
#include <map>

#include "analysis/comparison/varying_settings.h"
#include "analysis/plots/block_series.h"
#include "analysis/plots/kinds/kinds.h"
#include "analysis/text/number_text.h"

namespace espalier {
namespace {

constexpr std::size_t kMostCurves = 12;  // more could not be told apart

/// The mean over seeds, where all of them were measured.
PlotSeries mean_curve(PlotSource& source, const MethodResult& method, const std::string& label) {
  std::map<std::int64_t, std::vector<double>> by_step;
  for (const ResultRow* row : method.rows) {
    for (const MetricPoint& point : source.curves(row->trial_key))
      if (point.name == "validation_loss") by_step[point.step].push_back(point.value);
  }
  PlotSeries series;
  series.label = label;
  series.is_control = method.is_control() || method.is_random();
  for (const auto& [step, values] : by_step) {
    if (values.size() != method.rows.size()) continue;
    const auto [low, high] = std::ranges::minmax(values);
    double sum = 0;
    for (const double value : values) sum += value;
    PlotPoint point{static_cast<double>(step), sum / static_cast<double>(values.size()), {}, {}};
    if (values.size() > 1) {
      point.low = low;
      point.high = high;
    }
    series.points.push_back(point);
  }
  return series;
}

}  // namespace

Picture draw_curves(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": training";
  for (const ComparisonBlock& block : source.comparison().blocks) {
    PlotPanel panel;
    panel.title = panel_title(block);
    panel.x = {"optimizer step"};
    panel.y = {"validation loss"};
    std::vector<CellKey> keys;
    for (const Cell& cell : block.cells) keys.push_back(cell.key);
    const VaryingSettings settings(keys);
    for (const Cell& cell : block.cells) {
      for (const MethodResult& method : cell.methods) {
        if (method.rows.empty() || panel.series.size() == kMostCurves) continue;
        PlotSeries series =
            mean_curve(source, method,
                       method.name() + " " + sparsity_text(cell.key.sparsity_target) + ", " + settings.text(cell.key));
        if (!series.points.empty()) panel.series.push_back(std::move(series));
      }
    }
    if (!panel.series.empty()) picture.panels.push_back(std::move(panel));
  }
  picture.note = seeds_text(source.comparison()) + "; bands: from the least to the largest of the seeds";
  return picture;
}

}  // namespace espalier
