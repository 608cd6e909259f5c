#include "analysis/comparison/results_report.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison/comparison.h"
#include "analysis/comparison/varying_settings.h"
#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"
#include "base/duration_text.h"
#include "db/rows/rows_json.h"
#include "experiments/formats/json_text.h"

namespace espalier {
namespace {

std::string csv_cell(const std::string& value) {
  return value;
}
std::string csv_cell(double value) {
  return exact_text(value);
}
std::string csv_cell(std::int64_t value) {
  return std::to_string(value);
}
std::string csv_cell(std::uint64_t value) {
  return std::to_string(value);
}
std::string csv_cell(bool value) {
  return value ? "true" : "false";
}
template <typename Value>
std::string csv_cell(const std::optional<Value>& value) {
  return value ? csv_cell(*value) : "";
}

std::string results_csv(const std::vector<ResultRow>& rows) {
  std::vector<TextTable::Column> columns;
  const ResultRow nothing;
  visit_result_columns(nothing, [&](const char* name, const auto&) { columns.push_back({name}); });
  TextTable table(columns);
  for (const ResultRow& row : rows) {
    std::vector<std::string> cells;
    visit_result_columns(row, [&](const char*, const auto& value) { cells.push_back(csv_cell(value)); });
    table.add_row(cells);
  }
  return table.to_csv();
}

std::string name_of(const ResultRow& row) {
  if (row.control == "erk_random") return row.control;
  const bool is_plain = row.control == "none" || row.criterion == "random";
  const std::string method = method_text(row.method, row.criterion);
  return is_plain ? method : method + "/" + row.control;
}

/// Only where it says more than the sparsity does.
std::string effective_text(const ResultRow& row) {
  if (!row.effective_sparsity || sparsity_text(*row.effective_sparsity) == sparsity_text(row.sparsity)) return "";
  return sparsity_text(*row.effective_sparsity);
}

/// Of everything, where so much cannot be pruned that this is quite another number.
std::string total_text(const ResultRow& row) {
  constexpr double kMuch = 0.05;
  return row.sparsity - row.sparsity_total < kMuch ? "" : sparsity_text(row.sparsity_total);
}

/// Of the network without what was removed as a whole, where some row's lost something so.
std::string left_text(const std::optional<std::int64_t>& count, bool shrinks) {
  return shrinks && count ? count_text(*count) : "";
}

/// Whether any row differs from the first: a column that says nothing is left out.
bool varies(const std::vector<ResultRow>& rows, std::string ResultRow::*column) {
  for (const ResultRow& row : rows) {
    if (row.*column != rows.front().*column) return true;
  }
  return false;
}

/// The same among pruned rows, for what dense networks have not.
template <typename Value>
bool varies_of_pruned(const std::vector<ResultRow>& rows, Value ResultRow::*column) {
  const auto first = std::ranges::find_if_not(rows, &ResultRow::is_dense);
  return std::any_of(first, rows.end(),
                     [&](const ResultRow& row) { return !row.is_dense() && row.*column != (*first).*column; });
}

TextTable results_table(const std::vector<ResultRow>& rows) {
  TextTable table({{"sweep"},
                   {"dataset"},
                   {"model"},
                   {"variant"},
                   {"method"},
                   {"granularity"},
                   {"allocation"},
                   {"schedule"},
                   {"pruned at", true},
                   {"retrain"},
                   {"seed", true},
                   {"sparsity", true},
                   {"of all", true},
                   {"effective", true},
                   {"params kept", true},
                   {"madds", true},
                   {"params left", true},
                   {"madds left", true},
                   {"file bytes", true},
                   {"validation %", true},
                   {"test %", true},
                   {"loss", true},
                   {"dense %", true},
                   {"time", true},
                   {"outcome"},
                   {"trial"}});
  const bool sweep = varies(rows, &ResultRow::sweep), dataset = varies(rows, &ResultRow::dataset);
  const bool model = varies(rows, &ResultRow::model), variant = varies(rows, &ResultRow::variant);
  const bool granularity = varies_of_pruned(rows, &ResultRow::granularity);
  const bool allocation = varies_of_pruned(rows, &ResultRow::allocation);
  const bool steps = varies_of_pruned(rows, &ResultRow::pruned_at_step);
  const bool retrain = varies_of_pruned(rows, &ResultRow::retrain);
  const bool shrinks = std::ranges::any_of(
      rows, [](const ResultRow& row) { return row.params_shrunk.value_or(row.params_total) < row.params_total; });
  for (const ResultRow& row : rows) {
    table.add_row({sweep ? row.sweep : "",
                   dataset ? row.dataset : "",
                   model ? row.model : "",
                   variant ? row.variant : "",
                   name_of(row),
                   granularity ? row.granularity : "",
                   allocation ? row.allocation : "",
                   schedule_text(row.schedule, row.rounds, row.rate),
                   steps && !row.is_dense() ? count_text(row.pruned_at_step) : "",
                   retrain && !row.is_dense() ? row.retrain : "",
                   std::to_string(row.seed),
                   sparsity_text(row.sparsity),
                   total_text(row),
                   effective_text(row),
                   count_text(row.params_kept),
                   count_text(row.madds_effective),
                   left_text(row.params_shrunk, shrinks),
                   left_text(row.madds_shrunk, shrinks),
                   left_text(row.file_bytes, shrinks),
                   percent_text(row.validation_accuracy),
                   percent_text(row.accuracy),
                   row.loss ? fmt::format("{:.4f}", *row.loss) : "",
                   percent_text(row.dense_accuracy),
                   duration_text(row.wall_s),
                   row.outcome == "learned" ? "" : row.outcome,
                   row.trial_key.substr(0, 8)});
  }
  return table;
}

/// `curves: lenet-5 on mnist`, of what all rows share; the rest is in columns.
std::string heading_of(const std::vector<ResultRow>& rows) {
  std::string text = varies(rows, &ResultRow::sweep) ? "" : rows.front().sweep + ": ";
  if (!varies(rows, &ResultRow::model)) text += rows.front().model + " ";
  if (!varies(rows, &ResultRow::dataset)) text += "on " + rows.front().dataset;
  while (text.ends_with(' ') || text.ends_with(':')) text.pop_back();
  return text.empty() ? text : text + "\n\n";
}

}  // namespace

std::string render_results(const std::vector<ResultRow>& rows, OutputFormat format) {
  if (format == OutputFormat::csv) return results_csv(rows);
  if (format == OutputFormat::json) return json_text(nlohmann::ordered_json(rows)) + "\n";
  if (rows.empty()) return "No results yet.\n";
  const TextTable table = results_table(rows);
  if (format == OutputFormat::markdown) return table.to_markdown();
  return heading_of(rows) + table.to_text();
}

}  // namespace espalier
