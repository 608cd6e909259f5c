#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "analysis/plots/kinds/kinds.h"
#include "analysis/text/number_text.h"

namespace espalier {

Picture draw_layers(PlotSource& source) {
  Picture picture;
  picture.title = source.sweep() + ": density by layer";
  using BlockKey = std::tuple<std::string, std::string, std::string>;
  struct Sums {
    double kept = 0, total = 0;
  };
  struct Block {
    std::vector<std::string> rows;
    std::map<std::int64_t, std::string> layers;
    std::map<std::pair<std::string, std::string>, Sums> cells;
  };
  std::map<BlockKey, Block> blocks;
  for (const LayerDensityRow& row : source.layers()) {
    Block& block = blocks[{row.model, row.dataset, row.variant}];
    const std::string name =
        method_name(row.method, row.method, row.control) + " " + sparsity_text(row.sparsity_target);
    if (std::ranges::find(block.rows, name) == block.rows.end()) block.rows.push_back(name);
    block.layers[row.position] = row.layer;
    Sums& sums = block.cells[{name, row.layer}];
    sums.kept += static_cast<double>(row.kept);
    sums.total += static_cast<double>(row.total);
  }
  for (auto& [key, block] : blocks) {
    const auto& [model, dataset, variant] = key;
    PlotPanel panel;
    panel.title = model + " on " + dataset + (variant.empty() ? "" : ", " + variant);
    HeatMap& heat = panel.heat.emplace();
    heat.rows = block.rows;
    for (const auto& [position, layer] : block.layers) heat.columns.push_back(layer);
    for (const std::string& row : heat.rows) {
      std::vector<double>& values = heat.values.emplace_back();
      for (const std::string& layer : heat.columns) {
        const auto found = block.cells.find({row, layer});
        values.push_back(found == block.cells.end() ? std::numeric_limits<double>::quiet_NaN()
                                                    : found->second.kept / std::max(found->second.total, 1.0));
      }
    }
    picture.panels.push_back(std::move(panel));
  }
  picture.note = "fraction of each layer's weights that is kept, all seeds and settings together";
  return picture;
}

}  // namespace espalier
