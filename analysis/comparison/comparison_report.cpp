#include "analysis/comparison/comparison_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/comparison/comparison_records.h"
#include "analysis/comparison/comparison_sentences.h"
#include "analysis/comparison/unequal_weights.h"
#include "analysis/comparison/varying_settings.h"
#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"

namespace espalier {
namespace {

/// `+` or `-` where the corrected p-value holds, in parentheses where only the nominal interval leaves zero out.
std::string mark_of(const PairedComparison& compared) {
  if (!compared.is_tested) return "!";
  const Verdict verdict = compared.verdict();
  if (verdict != Verdict::inconclusive) return verdict == Verdict::better ? "+" : "-";
  const int sign = compared.nominal_sign();
  return sign == 0 ? "~" : sign > 0 ? "(+)" : "(-)";
}

void append_difference(std::vector<std::string>& cells, const std::optional<PairedComparison>& compared) {
  cells.push_back(compared ? points_text(compared->mean_pp) : "");
  cells.push_back(compared ? interval_text(compared->low_pp, compared->high_pp) : "");
}

void append_comparison(std::vector<std::string>& cells, const std::optional<PairedComparison>& compared) {
  append_difference(cells, compared);
  cells.push_back(compared ? mark_of(*compared) : "");
  cells.push_back(compared ? p_value_text(compared->p_holm) : "");
}

/// `collapsed 2/3`, of all that have a result.
std::string outcomes_text(const Outcomes& outcomes, std::size_t all) {
  std::vector<std::string> parts;
  for (const auto& [outcome, count] : outcomes) parts.push_back(fmt::format("{} {}/{}", outcome, count, all));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<CellKey> keys_of(const ComparisonBlock& block) {
  std::vector<CellKey> keys;
  for (const Cell& cell : block.cells) keys.push_back(cell.key);
  return keys;
}

/// Repeats neither the sparsity nor the settings of the row above, unless every row must stand alone; leaves a gap
/// behind a sparsity of several rows.
class RowHead {
 public:
  explicit RowHead(bool repeats) : repeats_(repeats) {}

  std::vector<std::string> next(TextTable& table, const std::string& sparsity, const std::string& settings) {
    const bool same_sparsity = sparsity == sparsity_ && !repeats_;
    const bool same_settings = same_sparsity && settings == settings_;
    if (sparsity != sparsity_ && rows_ > 1) table.add_gap();
    rows_ = sparsity == sparsity_ ? rows_ + 1 : 1;
    sparsity_ = sparsity;
    settings_ = settings;
    return {same_sparsity ? "" : sparsity, same_settings ? "" : settings};
  }

 private:
  bool repeats_;
  std::string sparsity_, settings_;
  int rows_ = 0;  // of this sparsity so far
};

/// Seeds behind the mean accuracy.
std::int64_t seeds_of(const MethodResult& method) {
  return std::ranges::count_if(method.rows, [](const ResultRow* row) { return row->accuracy.has_value(); });
}

/// The pairs that a row's differences rest on.
std::int64_t pairs_of(const MethodResult& method) {
  if (method.versus_random) return method.versus_random->pairs;
  return method.versus_dense ? method.versus_dense->pairs : seeds_of(method);
}

/// What a row's numbers do not show.
std::string note_of(const MethodResult& method, const ComparisonBlock& block, const VaryingSettings& settings) {
  std::vector<std::string> notes;
  if (!method.not_learned.empty()) notes.push_back(outcomes_text(method.not_learned, method.rows.size()));
  if (method.waiting > 0) notes.push_back(fmt::format("{} not there yet", method.waiting));
  if (method.failed > 0) notes.push_back(fmt::format("{} failed", method.failed));
  const std::int64_t pairs = pairs_of(method), seeds = seeds_of(method);
  if (seeds != pairs) notes.push_back("test % of " + counted(seeds, "seed"));
  if (method.versus_dense && method.versus_dense->pairs != pairs)
    notes.push_back("vs dense of " + counted(method.versus_dense->pairs, "pair"));
  if (method.same_as) notes.push_back("same networks as " + settings.text(block.cells[*method.same_as].key));
  return fmt::format("{}", fmt::join(notes, "; "));
}

/// Fractions of weights and multiply-adds that are gone, where the sparsity counts something else.
std::pair<std::string, std::string> removed_texts(const MethodResult& method, const CellKey& key) {
  if (key.granularity == "weight") return {};
  double weights = 0, madds = 0;
  for (const ResultRow* row : method.rows) {
    weights += row->weights_gone();
    madds += row->madds_gone();
  }
  const auto count = static_cast<double>(method.rows.size());
  return {sparsity_text(weights / count), sparsity_text(madds / count)};
}

TextTable table_against_random(const ComparisonBlock& block, const VaryingSettings& settings, bool repeats) {
  TextTable table({{"sparsity", true},
                   {settings.title()},
                   {"method"},
                   {"of weights", true},
                   {"of madds", true},
                   {"n", true},
                   {"test %", true},
                   {"vs dense", true},
                   {"nominal 95 %", true},
                   {"vs random", true},
                   {"nominal 95 %", true},
                   {""},
                   {"p Holm", true},
                   {"note"}});
  RowHead head(repeats);
  for (const Cell& cell : block.cells) {
    for (const MethodResult& method : cell.methods) {
      if ((method.is_control() && !method.is_random()) || method.rows.empty()) continue;
      auto cells = head.next(table, sparsity_text(cell.key.sparsity_target), settings.text(cell.key));
      const auto [of_weights, of_madds] = removed_texts(method, cell.key);
      cells.push_back(method.name());
      cells.push_back(of_weights);
      cells.push_back(of_madds);
      cells.push_back(std::to_string(pairs_of(method)));
      cells.push_back(percent_text(method.mean_accuracy));
      append_difference(cells, method.versus_dense);
      if (method.versus_dense && !method.versus_dense->is_tested) cells.back() = "!";
      append_comparison(cells, method.versus_random);
      cells.push_back(note_of(method, block, settings));
      table.add_row(std::move(cells));
    }
  }
  return table;
}

TextTable table_against_controls(const ComparisonBlock& block, const VaryingSettings& settings, bool repeats) {
  TextTable table({{"sparsity", true},
                   {settings.title()},
                   {"method"},
                   {"control"},
                   {"n", true},
                   {"method %", true},
                   {"control %", true},
                   {"difference", true},
                   {"nominal 95 %", true},
                   {""},
                   {"p Holm", true},
                   {"note"}});
  RowHead head(repeats);
  for (const Cell& cell : block.cells) {
    for (const MethodResult& control : cell.methods) {
      if (!control.method_versus) continue;
      auto cells = head.next(table, sparsity_text(cell.key.sparsity_target), settings.text(cell.key));
      cells.push_back(method_text(control.method, control.criterion));
      cells.push_back(control.control);
      cells.push_back(std::to_string(control.method_versus->pairs));
      cells.push_back(percent_text(control.method_versus->mean_accuracy));
      cells.push_back(percent_text(control.method_versus->other_mean_accuracy));
      append_comparison(cells, control.method_versus);
      cells.push_back(outcomes_text(control.not_learned, control.rows.size()));
      table.add_row(std::move(cells));
    }
  }
  return table;
}

std::string block_for_terminal(const ComparisonBlock& block) {
  const VaryingSettings settings(keys_of(block));
  std::string text = title_of(block) + "\n" + dense_text(block) + "\n";
  const TextTable table = table_against_random(block, settings, false);
  if (table.is_empty()) return text;
  text += settings.shared() + "\n\n" + table.to_text();
  const TextTable controls = table_against_controls(block, settings, false);
  if (!controls.is_empty()) text += "\nMethods against their own controls\n\n" + controls.to_text();
  return text;
}

std::string block_for_markdown(const ComparisonBlock& block) {
  const VaryingSettings settings(keys_of(block));
  const TextTable table = table_against_random(block, settings, true);
  std::string text = "### " + title_of(block) + "\n\n" + dense_text(block) +
                     (table.is_empty() ? "" : "; " + settings.shared()) + ".\n";
  if (table.is_empty()) return text;
  text += "\n" + table.to_markdown();
  const TextTable controls = table_against_controls(block, settings, true);
  if (!controls.is_empty()) text += "\nMethods against their own controls:\n\n" + controls.to_markdown();
  return text;
}

/// A dense network without pruned ones, of a sweep whose pruned networks differ by an axis that it does not have: its
/// accuracy is in their blocks.
bool says_nothing_new(const ComparisonBlock& block, const Comparison& comparison) {
  return block.cells.empty() && std::ranges::any_of(comparison.blocks, [&](const ComparisonBlock& other) {
           return !other.cells.empty() && other.sweep == block.sweep && other.dataset == block.dataset &&
                  other.model == block.model;
         });
}

bool has_results(const ComparisonBlock& block) {
  return !block.dense_accuracies.empty() || !block.dense_not_learned.empty() ||
         std::ranges::any_of(block.cells, &Cell::has_results);
}

}  // namespace

std::string render_comparison(const Comparison& comparison, OutputFormat format) {
  if (format == OutputFormat::csv) return comparison_csv(comparison);
  if (format == OutputFormat::json) return comparison_json(comparison);
  std::string text = unfinished_text(comparison);
  if (!std::ranges::any_of(comparison.blocks, has_results)) return text + "No results yet.\n";
  if (!text.empty()) text += "\n";
  for (const ComparisonBlock& block : comparison.blocks) {
    if (says_nothing_new(block, comparison) || !has_results(block)) continue;
    text += (format == OutputFormat::markdown ? block_for_markdown(block) : block_for_terminal(block)) + "\n";
  }
  return text + legend_of(comparison) + unequal_weights_text(comparison);
}

}  // namespace espalier
