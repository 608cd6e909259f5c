#include "analysis/comparison_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "analysis/comparison_records.h"
#include "analysis/number_text.h"
#include "analysis/statistics.h"
#include "analysis/text_table.h"
#include "analysis/unequal_weights.h"
#include "analysis/varying_settings.h"

namespace espalier {
namespace {

constexpr double kSignificant = 0.05;

/// `+`, `-` or `~`, and a star where the p-value holds after Holm's correction.
std::string mark_of(const PairedComparison& compared) {
  if (compared.verdict == Verdict::inconclusive) return "~";
  const std::string star = compared.p_holm && *compared.p_holm < kSignificant ? "*" : "";
  return (compared.verdict == Verdict::better ? "+" : "-") + star;
}

void append_comparison(std::vector<std::string>& cells, const std::optional<PairedComparison>& compared) {
  cells.push_back(compared ? points_text(compared->mean_pp) : "");
  cells.push_back(compared ? interval_text(compared->low_pp, compared->high_pp) : "");
  cells.push_back(compared ? mark_of(*compared) : "");
  cells.push_back(compared ? p_value_text(compared->p_holm) : "");
}

std::string seeds_text(std::size_t seeds) {
  return std::to_string(seeds) + (seeds == 1 ? " seed" : " seeds");
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

TextTable table_against_random(const ComparisonBlock& block, const VaryingSettings& settings, bool repeats) {
  TextTable table({{"sparsity", true},
                   {settings.title()},
                   {"method"},
                   {"n", true},
                   {"accuracy %", true},
                   {"vs dense", true},
                   {"vs random", true},
                   {"95 % interval", true},
                   {""},
                   {"p Holm", true}});
  RowHead head(repeats);
  for (const Cell& cell : block.cells) {
    for (const MethodResult& method : cell.methods) {
      if (method.is_control() && !method.is_random()) continue;
      auto cells = head.next(table, sparsity_text(cell.key.sparsity_target), settings.text(cell.key));
      cells.push_back(method.name());
      cells.push_back(std::to_string(method.rows.size()));
      cells.push_back(percent_text(method.mean_accuracy));
      cells.push_back(method.versus_dense ? points_text(method.versus_dense->mean_pp) : "");
      append_comparison(cells, method.versus_random);
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
                   {"95 % interval", true},
                   {""},
                   {"p Holm", true}});
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
      table.add_row(std::move(cells));
    }
  }
  return table;
}

std::string dense_text(const ComparisonBlock& block) {
  const MeanEstimate dense = estimate_mean(block.dense_accuracies);
  if (dense.count == 0) return "dense accuracy not known yet";
  std::string text = "dense accuracy " + percent_text(dense.mean) + " %";
  if (dense.low) text += " " + ("[" + percent_text(dense.low) + ", " + percent_text(dense.high) + "]");
  return text + " over " + seeds_text(dense.count);
}

std::string title_of(const ComparisonBlock& block) {
  return block.sweep + ": " + block.model + " on " + block.dataset +
         (block.variant.empty() ? "" : ", " + block.variant);
}

/// Sums what the legend needs to say over all methods.
struct Tally {
  std::int64_t better = 0, worse = 0, inconclusive = 0, unpaired = 0, without_random = 0;

  explicit Tally(const Comparison& comparison) {
    for (const ComparisonBlock& block : comparison.blocks) {
      for (const Cell& cell : block.cells) {
        for (const MethodResult& method : cell.methods) count(method);
      }
    }
  }
  void count(const MethodResult& method) {
    if (method.is_control()) return;
    if (!method.versus_random) {
      ++without_random;
      return;
    }
    const PairedComparison& compared = *method.versus_random;
    ++(compared.verdict == Verdict::better ? better : compared.verdict == Verdict::worse ? worse : inconclusive);
    unpaired += compared.unpaired;
  }
  std::int64_t all() const { return better + worse + inconclusive; }
};

std::string legend_of(const Comparison& comparison) {
  const Tally tally(comparison);
  std::string text;
  if (tally.all() > 0) {
    text += "Against random, of " + std::to_string(tally.all()) +
            (tally.all() == 1 ? " comparison: " : " comparisons: ") + std::to_string(tally.better) + " better (+), " +
            std::to_string(tally.worse) + " worse (-), " + std::to_string(tally.inconclusive) +
            " inconclusive (~).\n"
            "Differences are means over n seeds in percentage points, paired by seed, with Student's t interval;\n"
            "~ where it holds zero, or one pair or equal differences give none; * where p < 0.05 after Holm's "
            "correction.\n";
  }
  if (tally.without_random > 0) {
    text += std::to_string(tally.without_random) +
            " without a random control to compare with (sweep key controls: [random]).\n";
  }
  if (tally.unpaired > 0)
    text += std::to_string(tally.unpaired) + " results left out of pairs: the other one is not there.\n";
  if (comparison.not_a_number > 0) {
    text += std::to_string(comparison.not_a_number) + " results left out: their accuracy is not a number.\n";
  }
  return text;
}

std::string block_for_terminal(const ComparisonBlock& block) {
  const VaryingSettings settings(keys_of(block));
  std::string text = title_of(block) + "\n" + dense_text(block) + "\n";
  if (block.cells.empty()) return text;
  text += settings.shared() + "\n\n" + table_against_random(block, settings, false).to_text();
  const TextTable controls = table_against_controls(block, settings, false);
  if (!controls.is_empty()) text += "\nMethods against their own controls\n\n" + controls.to_text();
  return text;
}

std::string block_for_markdown(const ComparisonBlock& block) {
  const VaryingSettings settings(keys_of(block));
  std::string text = "### " + title_of(block) + "\n\n" + dense_text(block) +
                     (block.cells.empty() ? "" : "; " + settings.shared()) + ".\n";
  if (block.cells.empty()) return text;
  text += "\n" + table_against_random(block, settings, true).to_markdown();
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

}  // namespace

std::string render_comparison(const Comparison& comparison, OutputFormat format) {
  if (format == OutputFormat::csv) return comparison_csv(comparison);
  if (format == OutputFormat::json) return comparison_json(comparison);
  if (comparison.blocks.empty()) return "No results yet.\n";
  std::string text;
  for (const ComparisonBlock& block : comparison.blocks) {
    if (says_nothing_new(block, comparison)) continue;
    text += (format == OutputFormat::markdown ? block_for_markdown(block) : block_for_terminal(block)) + "\n";
  }
  return text + legend_of(comparison) + unequal_weights_text(comparison);
}

}  // namespace espalier
