#include "analysis/plots/block_series.h"
#include "analysis/plots/kinds/kinds.h"
#include "analysis/statistics/statistics.h"

namespace espalier {

Picture draw_accuracy(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": accuracy";
  for (const ComparisonBlock& block : source.comparison().blocks) {
    PlotPanel panel;
    panel.title = panel_title(block);
    panel.x = {"weights left, %", true, true};
    panel.y = {"test accuracy, %"};
    panel.y.most = 100;
    panel.series = series_of(block, [](const MethodResult& method) {
      return accuracy_point(method, 100 * (1 - mean_over(method, [](const ResultRow& row) { return row.sparsity; })));
    });
    if (!block.dense_accuracies.empty())
      panel.lines.push_back({"dense", 100 * estimate_mean(block.dense_accuracies).mean});
    if (!panel.series.empty()) picture.panels.push_back(std::move(panel));
  }
  picture.note = seeds_text(source.comparison()) + "; bands: 95 % interval of the mean (Student's t)";
  return picture;
}

}  // namespace espalier
