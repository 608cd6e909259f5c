#include "analysis/masks/mask_reports.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison/varying_settings.h"
#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"
#include "db/rows/rows_json.h"
#include "experiments/catalog/catalog.h"
#include "experiments/formats/json_text.h"

namespace espalier {
namespace {

/// Of values that are there.
struct Mean {
  double sum = 0;
  std::int64_t count = 0;
  void add(const std::optional<double>& value) {
    if (!value || std::isnan(*value)) return;
    sum += *value;
    ++count;
  }
  std::optional<double> value() const {
    if (count == 0) return std::nullopt;
    return sum / static_cast<double>(count);
  }
};

/// Values by name, in the order in which the names were first seen.
template <typename Value>
class Ordered {
 public:
  Value& operator[](const std::string& name) {
    const auto [found, is_new] = place_.try_emplace(name, entries_.size());
    if (is_new) entries_.emplace_back(name, Value{});
    return entries_[found->second].second;
  }
  const Value* find(const std::string& name) const {
    const auto found = place_.find(name);
    return found == place_.end() ? nullptr : &entries_[found->second].second;
  }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }

 private:
  std::map<std::string, std::size_t> place_;
  std::vector<std::pair<std::string, Value>> entries_;
};

/// The columns that locate rows: the step of the prune, only if it distinguishes any.
template <typename Row>
class Places {
 public:
  explicit Places(const std::vector<Row>& rows) {
    steps_vary_ =
        std::ranges::any_of(rows, [&](const Row& row) { return row.pruned_at_step != rows.front().pruned_at_step; });
  }
  std::string text(const Row& row) const {
    return row.model + " on " + row.dataset + (row.variant.empty() ? "" : ", " + row.variant) +
           (steps_vary_ ? ", pruned at step " + count_text(row.pruned_at_step) : "") + ", " +
           sparsity_text(row.sparsity_target);
  }

 private:
  bool steps_vary_ = false;
};

/// "magnitude global", "magnitude/shuffle erk iterative x5", "magnitude global by filter l2"; of the side of an overlap
/// or the row of a density.
template <typename Row>
std::string configuration_text(const Row& row) {
  const bool is_plain = row.control == "none" || row.method == "random";
  const std::string when =
      row.schedule == default_name(list_schedules()) ? "" : " " + schedule_text(row.schedule, row.rounds, row.rate);
  const std::string what = row.granularity == "weight" ? "" : " by " + row.granularity;
  return row.method + (is_plain ? "" : "/" + row.control) + " " + row.allocation + when + what;
}

std::string unit_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "";
}

/// A table of values by row and column, with the columns in the order in which they came.
using Grid = Ordered<Ordered<Mean>>;

TextTable grid_table(const std::string& corner, const Grid& grid, std::string (*text)(const std::optional<double>&)) {
  Ordered<bool> names;
  for (const auto& [row, cells] : grid) {
    for (const auto& [column, mean] : cells) names[column] = true;
  }
  std::vector<TextTable::Column> columns{{corner}};
  for (const auto& [column, seen] : names) columns.push_back({column, true});
  TextTable table(columns);
  for (const auto& [row, cells] : grid) {
    std::vector<std::string> line{row};
    for (const auto& [column, seen] : names) {
      const Mean* mean = cells.find(column);
      line.push_back(mean == nullptr ? "" : text(mean->value()));
    }
    table.add_row(line);
  }
  return table;
}

std::string grids_text(const std::string& corner, const Ordered<Grid>& grids,
                       std::string (*text)(const std::optional<double>&)) {
  std::string result;
  for (const auto& [title, grid] : grids) {
    result += (result.empty() ? "" : "\n") + title + "\n\n" + grid_table(corner, grid, text).to_text();
  }
  return result;
}

struct OverlapMeans {
  Mean jaccard, chance, corrected;
  std::int64_t pairs = 0;
};

}  // namespace

std::string render_overlaps(const std::vector<MaskOverlapRow>& all, const std::string& pairing, bool as_json) {
  std::vector<MaskOverlapRow> rows;
  std::ranges::copy_if(all, std::back_inserter(rows), [&](const auto& row) { return row.pairing == pairing; });
  if (as_json) return json_text(nlohmann::ordered_json(rows)) + "\n";
  if (rows.empty()) {
    return pairing == "seed" ? "No two seeds of a configuration to compare yet.\n"
                             : "No two configurations with one seed and sparsity to compare yet.\n";
  }
  Ordered<std::map<std::pair<std::string, std::string>, OverlapMeans>> places;
  const Places where(rows);
  for (const MaskOverlapRow& row : rows) {
    const std::string b = pairing == "seed" ? "" : configuration_text(row.b);
    OverlapMeans& means = places[where.text(row)][{configuration_text(row.a), b}];
    means.jaccard.add(row.jaccard);
    means.chance.add(row.chance);
    means.corrected.add(row.corrected);
    ++means.pairs;
  }
  std::string result;
  for (const auto& [title, pairs] : places) {
    TextTable table({{pairing == "seed" ? "configuration" : "a"},
                     {"b"},
                     {"jaccard", true},
                     {"chance", true},
                     {"corrected", true},
                     {"pairs", true}});
    for (const auto& [names, means] : pairs) {
      table.add_row({names.first, names.second, unit_text(means.jaccard.value()), unit_text(means.chance.value()),
                     unit_text(means.corrected.value()), std::to_string(means.pairs)});
    }
    result += (result.empty() ? "" : "\n") + title + "\n\n" + table.to_text();
  }
  return result +
         "\njaccard: kept by both / kept by either. corrected: 0 as random masks of these layer densities, 1 equal.\n";
}

std::string render_layer_densities(const std::vector<LayerDensityRow>& rows, bool as_json) {
  if (as_json) return json_text(nlohmann::ordered_json(rows)) + "\n";
  if (rows.empty()) return "Nothing was pruned yet.\n";
  // What all columns share would only widen them.
  const bool retrain_varies =
      std::ranges::any_of(rows, [&](const auto& row) { return row.retrain != rows.front().retrain; });
  Ordered<Grid> grids;
  const Places where(rows);
  for (const LayerDensityRow& row : rows) {
    const std::string name = configuration_text(row) + (retrain_varies ? ", retrain " + row.retrain : "");
    Ordered<Mean>& layer = grids[where.text(row)][fmt::format("{} ({})", row.layer, count_text(row.total))];
    if (row.total > 0) layer[name].add(static_cast<double>(row.kept) / static_cast<double>(row.total));
  }
  return grids_text("layer (weights)", grids,
                    [](const std::optional<double>& density) { return percent_text(density); }) +
         "\nkept weights in percent of each layer's, means over seeds\n";
}

std::string render_sensitivities(const std::vector<SensitivityRow>& rows, bool as_json) {
  if (as_json) return json_text(nlohmann::ordered_json(rows)) + "\n";
  if (rows.empty()) return "No sensitivity was measured; add `sensitivity:` to the sweep's `prune`.\n";
  Ordered<Grid> grids;
  for (const SensitivityRow& row : rows) {
    if (row.sparsity == 0) continue;
    const std::string what = row.granularity == "weight" ? "" : " by " + row.granularity;
    grids[row.model + " on " + row.dataset + ", " + row.criterion + what][row.scope][sparsity_text(row.sparsity)].add(
        row.loss_increase);
  }
  return grids_text("scope", grids,
                    [](const std::optional<double>& rise) { return rise ? fmt::format("{:+.4f}", *rise) : "NaN"; }) +
         "\nhow much the loss rises (nats) with this scope alone pruned, means over seeds\n";
}

}  // namespace espalier
