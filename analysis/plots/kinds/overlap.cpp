#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "analysis/plots/kinds/kinds.h"
#include "analysis/text/number_text.h"

namespace espalier {
namespace {

std::string side_name(const MaskOverlapSide& side) {
  return method_name(side.method, side.method, side.control);
}

}  // namespace

Picture draw_overlap(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": how alike masks are";
  struct Mean {
    double sum = 0, count = 0;
  };
  struct Block {
    std::vector<std::string> names;
    std::map<std::pair<std::string, std::string>, Mean> cells;
  };
  std::map<std::tuple<std::string, std::string, double>, Block> blocks;
  for (const MaskOverlapRow& row : source.overlaps()) {
    if (row.pairing != "method" || !row.corrected) continue;
    Block& block = blocks[{row.model, row.dataset, row.sparsity_target}];
    const std::string a = side_name(row.a), b = side_name(row.b);
    for (const std::string& name : {a, b})
      if (std::ranges::find(block.names, name) == block.names.end()) block.names.push_back(name);
    for (const auto& place : {std::pair{a, b}, std::pair{b, a}}) {
      block.cells[place].sum += *row.corrected;
      block.cells[place].count += 1;
    }
  }
  for (const auto& [key, block] : blocks) {
    const auto& [model, dataset, sparsity] = key;
    PlotPanel panel;
    panel.title = model + " on " + dataset + " at " + sparsity_text(sparsity);
    HeatMap& heat = panel.heat.emplace();
    heat.rows = heat.columns = block.names;
    for (const std::string& row : heat.rows) {
      std::vector<double>& values = heat.values.emplace_back();
      for (const std::string& column : heat.columns) {
        const auto found = block.cells.find({row, column});
        values.push_back(row == column                ? 1
                         : found == block.cells.end() ? std::numeric_limits<double>::quiet_NaN()
                                                      : found->second.sum / found->second.count);
      }
    }
    picture.panels.push_back(std::move(panel));
  }
  picture.note = "(Jaccard - chance) / (1 - chance), mean over pairs of one seed: 0 as chance has it, 1 equal";
  return picture;
}

}  // namespace espalier
