#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "analysis/plots/kinds/kinds.h"
#include "analysis/statistics/friedman.h"

namespace espalier {
namespace {

/// Methods that every cell with results has, and their mean accuracies by cell.
struct RankedCells {
  std::vector<std::string> methods;
  std::vector<std::vector<double>> scores;
};

RankedCells ranked_cells(const Comparison& comparison) {
  RankedCells ranked;
  std::vector<std::map<std::string, double>> cells;
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      std::map<std::string, double> found;
      for (const MethodResult& method : cell.methods)
        if (method.mean_accuracy) found[method.name()] = *method.mean_accuracy;
      if (found.size() > 1) cells.push_back(std::move(found));
    }
  }
  if (cells.empty()) return ranked;
  for (const auto& [name, score] : cells.front()) {
    if (std::ranges::all_of(cells, [&](const auto& cell) { return cell.contains(name); }))
      ranked.methods.push_back(name);
  }
  for (const auto& cell : cells) {
    std::vector<double>& row = ranked.scores.emplace_back();
    for (const std::string& name : ranked.methods) row.push_back(cell.at(name));
  }
  return ranked;
}

}  // namespace

Picture draw_ranks(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": ranks of methods";
  const RankedCells ranked = ranked_cells(source.comparison());
  if (ranked.methods.size() < 2 || ranked.scores.size() < 2) return picture;
  const FriedmanTest test = friedman_test(ranked.scores);
  const double difference = critical_difference(ranked.methods.size(), ranked.scores.size(), 0.05);
  PlotPanel panel;
  panel.x = {"average rank (1 is the best)"};
  panel.y = {""};
  panel.title = fmt::format("{} methods over {} cells", ranked.methods.size(), ranked.scores.size());
  std::vector<std::size_t> order(ranked.methods.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return test.average_ranks[i]; });
  for (const std::size_t i : order) {
    PlotSeries series;
    series.label = ranked.methods[i];
    const double rank = test.average_ranks[i];
    panel.y.names.push_back(fmt::format("{} ({:.2f})", ranked.methods[i], rank));
    const auto place = static_cast<double>(panel.y.names.size());
    series.points = {{rank, place, {}, {}}, {rank + difference, place, {}, {}}};
    panel.series.push_back(std::move(series));
  }
  picture.panels.push_back(std::move(panel));
  picture.note = fmt::format(
      "{} cells; each line is as long as the critical difference of {:.2f} (Nemenyi, 5 %); Friedman's p = {:.3g}",
      ranked.scores.size(), difference, test.p);
  return picture;
}

}  // namespace espalier
