#include "analysis/plots/block_series.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "analysis/comparison/varying_settings.h"
#include "analysis/statistics/statistics.h"

namespace espalier {

std::vector<PlotSeries> series_of(const ComparisonBlock& block,
                                  const std::function<std::optional<PlotPoint>(const MethodResult&)>& point) {
  std::vector<CellKey> keys;
  for (const Cell& cell : block.cells) {
    CellKey key = cell.key;
    key.sparsity_target = 0;  // what a line runs along
    keys.push_back(key);
  }
  const VaryingSettings settings(keys);
  const bool one_setting =
      std::ranges::all_of(keys, [&](const CellKey& key) { return settings.text(key) == settings.text(keys.front()); });
  std::vector<PlotSeries> lines;
  for (std::size_t i = 0; i < block.cells.size(); ++i) {
    for (const MethodResult& method : block.cells[i].methods) {
      const std::optional<PlotPoint> found = method.rows.empty() ? std::nullopt : point(method);
      if (!found) continue;
      const std::string label = method.name() + (one_setting ? "" : ", " + settings.text(keys[i]));
      auto line = std::ranges::find(lines, label, &PlotSeries::label);
      if (line == lines.end()) {
        line = lines.insert(line, PlotSeries{});
        line->label = label;
        line->is_control = method.is_control() || method.is_random();
      }
      line->points.push_back(*found);
    }
  }
  for (PlotSeries& line : lines) std::ranges::stable_sort(line.points, {}, &PlotPoint::x);
  return lines;
}

std::string panel_title(const ComparisonBlock& block) {
  return block.model + " on " + block.dataset + (block.variant.empty() ? "" : ", " + block.variant);
}

double mean_over(const MethodResult& method, const std::function<double(const ResultRow&)>& value) {
  double sum = 0;
  for (const ResultRow* row : method.rows) sum += value(*row);
  return sum / static_cast<double>(method.rows.size());
}

std::optional<PlotPoint> accuracy_point(const MethodResult& method, double x) {
  std::vector<double> percent;
  for (const ResultRow* row : method.rows) {
    if (!row->accuracy) return std::nullopt;
    percent.push_back(100 * *row->accuracy);
  }
  const MeanEstimate estimate = estimate_mean(percent);
  return PlotPoint{x, estimate.mean, estimate.low, estimate.high};
}

std::string seeds_text(const Comparison& comparison) {
  std::size_t least = 0, most = 0;
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      for (const MethodResult& method : cell.methods) {
        if (method.rows.empty()) continue;
        least = least == 0 ? method.rows.size() : std::min(least, method.rows.size());
        most = std::max(most, method.rows.size());
      }
    }
  }
  if (least == most) return fmt::format("n = {} seed{}", most, most == 1 ? "" : "s");
  return fmt::format("n = {} to {} seeds", least, most);
}

}  // namespace espalier
