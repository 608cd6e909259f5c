#include "analysis/comparison/unequal_weights.h"

#include <cmath>

#include <fmt/format.h>

#include "analysis/text/number_text.h"
#include "experiments/catalog/granularity.h"

namespace espalier {
namespace {

constexpr double kEqual = 0.01;  // of all prunable weights

bool removes_structures(const CellKey& key) {
  const Granularity::Kind kind = parse_granularity(key.granularity).kind;
  return kind != Granularity::Kind::weight && kind != Granularity::Kind::n_of_m;
}

double mean_sparsity(const MethodResult& method) {
  double sum = 0;
  for (const ResultRow* row : method.rows) sum += row->sparsity;
  return sum / static_cast<double>(method.rows.size());
}

}  // namespace

std::string unequal_weights_text(const Comparison& comparison) {
  std::string text;
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      const MethodResult* random = cell.random();
      if (random == nullptr || random->rows.empty() || !removes_structures(cell.key)) continue;
      const double other = mean_sparsity(*random);
      for (const MethodResult& method : cell.methods) {
        if (method.is_control() || method.is_random() || method.rows.empty()) continue;
        const double ours = mean_sparsity(method);
        if (std::abs(ours - other) <= kEqual) continue;
        text += fmt::format(
            "{} of {} at {}: {} % of the weights removed, by random {} %: as many units, not as many weights.\n",
            cell.key.granularity, method.name(), sparsity_text(cell.key.sparsity_target), percent_text(ours),
            percent_text(other));
      }
    }
  }
  if (!text.empty()) text += "The controls shuffle and shuffle_sized keep as many units and as many weights.\n";
  return text;
}

}  // namespace espalier
