#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "analysis/latency/latency_cells.h"
#include "analysis/plots/kinds/kinds.h"

namespace espalier {

Picture draw_latency(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": measured and theoretical speed-up";
  std::map<std::string, double> promised;  // by trial
  for (const ResultRow& row : source.results()) {
    promised[row.trial_key] = 1 / std::max(1 - row.madds_gone(), 1e-9);
  }
  const std::vector<LatencyRow> rows = source.latencies();
  for (const LatencyBlock& block : latency_blocks(rows)) {
    const LatencyRow& first = *block.cells.front().first;
    PlotPanel panel;
    panel.title = fmt::format("{} on {}, batch size {}", first.model, first.dataset, first.batch_size);
    panel.x = {"multiply-adds of the dense network, over its own"};
    panel.y = {"measured speed-up"};
    double most = 1;
    for (const LatencyCell& cell : block.cells) {
      const LatencyRow& row = *cell.first;
      MethodResult named;
      named.method = row.method;
      named.criterion = row.criterion;
      named.control = row.control;
      const std::string name = named.name();
      auto line = std::ranges::find(panel.series, name, &PlotSeries::label);
      if (line == panel.series.end()) {
        line = panel.series.insert(line, PlotSeries{});
        line->label = name;
        line->is_control = named.is_control() || named.is_random();
        line->joined = false;
      }
      const double x = promised[row.trial_key];
      line->points.push_back({x, cell.speedup, cell.speedup_low, cell.speedup_high});
      most = std::max(most, x);
    }
    PlotSeries equal;
    equal.label = "as promised";
    equal.is_control = true;
    equal.points = {{1, 1, {}, {}}, {most, most, {}, {}}};
    panel.series.push_back(std::move(equal));
    picture.panels.push_back(std::move(panel));
  }
  picture.note = "medians over seeds; bars: outermost bounds of the seeds' 95 % bootstrap intervals";
  return picture;
}

}  // namespace espalier
