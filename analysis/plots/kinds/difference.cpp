#include "analysis/plots/block_series.h"
#include "analysis/plots/kinds/kinds.h"

namespace espalier {

Picture draw_difference(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": ahead of random pruning";
  for (const ComparisonBlock& block : source.comparison().blocks) {
    PlotPanel panel;
    panel.title = panel_title(block);
    panel.x = {"weights left, %", true, true};
    panel.y = {"difference from random, percentage points"};
    panel.series = series_of(block, [](const MethodResult& method) -> std::optional<PlotPoint> {
      if (!method.versus_random) return std::nullopt;
      const double left = 100 * (1 - mean_over(method, [](const ResultRow& row) { return row.sparsity; }));
      const PairedComparison& compared = *method.versus_random;
      return PlotPoint{left, compared.mean_pp, compared.low_pp, compared.high_pp};
    });
    panel.lines.push_back({"random pruning", 0});
    if (!panel.series.empty()) picture.panels.push_back(std::move(panel));
  }
  picture.note = seeds_text(source.comparison()) + "; pairs of one seed; bands: nominal 95 % intervals (Student's t)";
  return picture;
}

}  // namespace espalier
