#include "analysis/comparison.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/statistics.h"

// Rows are sorted into blocks, cells and methods, each in the order of its first row, so that the tables follow the
// sweep's own order; then each method is paired with its partners, and p-values are corrected sweep by sweep.

namespace espalier {
namespace {

using Accuracies = std::map<std::uint64_t, double>;  // by seed

CellKey cell_key(const ResultRow& row) {
  return {row.granularity, row.allocation,     row.schedule,       row.rounds,
          row.retrain,     row.pruned_at_step, row.sparsity_target};
}

/// The element that `is_it` holds for; a new one at the end if there is none.
template <typename Item, typename Is>
Item& find_or_add(std::vector<Item>& items, Is&& is_it) {
  const auto found = std::find_if(items.begin(), items.end(), is_it);
  return found != items.end() ? *found : items.emplace_back();
}

/// Of two rows with equal settings, which expansion refuses, the first: one sweep never closes the store to others.
Accuracies accuracies_of(const MethodResult& method) {
  Accuracies accuracies;
  for (const ResultRow* row : method.rows) accuracies.emplace(row->seed, *row->accuracy);
  return accuracies;
}

Accuracies dense_accuracies_of(const MethodResult& method) {
  Accuracies accuracies;
  for (const ResultRow* row : method.rows) {
    if (row->dense_accuracy) accuracies[row->seed] = *row->dense_accuracy;
  }
  return accuracies;
}

Verdict verdict_of(const PairedComparison& compared) {
  if (!compared.low_pp) return Verdict::inconclusive;
  if (*compared.low_pp > 0) return Verdict::better;
  return *compared.high_pp < 0 ? Verdict::worse : Verdict::inconclusive;
}

/// None if no seed has both.
std::optional<PairedComparison> compare_pairs(const Accuracies& ours, const Accuracies& others) {
  PairedComparison compared;
  std::vector<double> differences;
  for (const auto& [seed, accuracy] : ours) {
    const auto other = others.find(seed);
    if (other == others.end()) continue;
    differences.push_back(100 * (accuracy - other->second));
    compared.mean_accuracy += accuracy;
    compared.other_mean_accuracy += other->second;
  }
  if (differences.empty()) return std::nullopt;
  const MeanEstimate estimate = estimate_mean(differences);
  compared.pairs = static_cast<std::int64_t>(differences.size());
  compared.unpaired = static_cast<std::int64_t>(ours.size() + others.size()) - 2 * compared.pairs;
  compared.mean_accuracy /= static_cast<double>(compared.pairs);
  compared.other_mean_accuracy /= static_cast<double>(compared.pairs);
  compared.mean_pp = estimate.mean;
  compared.low_pp = estimate.low;
  compared.high_pp = estimate.high;
  compared.p_value = estimate.p_value;
  compared.verdict = verdict_of(compared);
  return compared;
}

using BlockKey = std::tuple<std::string, std::string, std::string, std::string>;

struct Sorter {
  Comparison comparison;
  std::map<BlockKey, std::size_t> block_index;
  std::vector<std::map<CellKey, std::size_t>> cell_index;  // parallel to the blocks
  std::vector<Accuracies> dense;                           // parallel to the blocks

  void add(const ResultRow& row) {
    const std::size_t at = block_of(row);
    if (row.method == "dense") {
      if (row.accuracy) dense[at][row.seed] = *row.accuracy;
      return;
    }
    if (row.dense_accuracy) dense[at].try_emplace(row.seed, *row.dense_accuracy);
    if (!row.accuracy) {
      ++comparison.not_a_number;
      return;
    }
    MethodResult& method = find_or_add(cell_of(at, row).methods, [&](const MethodResult& known) {
      return known.method == row.method && known.criterion == row.criterion && known.control == row.control;
    });
    method.method = row.method;
    method.criterion = row.criterion;
    method.control = row.control;
    method.rows.push_back(&row);
  }

  std::size_t block_of(const ResultRow& row) {
    const auto [place, is_new] =
        block_index.try_emplace({row.sweep, row.dataset, row.model, row.variant}, block_index.size());
    if (is_new) {
      comparison.blocks.push_back({row.sweep, row.dataset, row.model, row.variant, {}, {}});
      cell_index.emplace_back();
      dense.emplace_back();
    }
    return place->second;
  }

  Cell& cell_of(std::size_t block, const ResultRow& row) {
    std::vector<Cell>& cells = comparison.blocks[block].cells;
    const auto [place, is_new] = cell_index[block].try_emplace(cell_key(row), cells.size());
    if (is_new) cells.push_back({cell_key(row), {}});
    return cells[place->second];
  }
};

/// Random first, then each method with its controls behind it.
void order_methods(Cell& cell) {
  std::vector<std::string> methods;
  for (const MethodResult& one : cell.methods) {
    const std::string method = method_text(one.method, one.criterion);
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
  }
  const auto place = [&](const MethodResult& one) {
    return std::tuple(!one.is_random(),
                      std::ranges::find(methods, method_text(one.method, one.criterion)) - methods.begin(),
                      one.control != "none", one.control);
  };
  std::stable_sort(cell.methods.begin(), cell.methods.end(),
                   [&](const MethodResult& a, const MethodResult& b) { return place(a) < place(b); });
  for (MethodResult& one : cell.methods) {
    std::sort(one.rows.begin(), one.rows.end(),
              [](const ResultRow* a, const ResultRow* b) { return a->seed < b->seed; });
  }
}

/// The method whose control `control` is; null if it is not there.
const MethodResult* method_behind(const MethodResult& control, const Cell& cell) {
  const auto found = std::ranges::find_if(cell.methods, [&](const MethodResult& one) {
    return one.method == control.method && one.criterion == control.criterion && one.control == "none";
  });
  return found != cell.methods.end() ? &*found : nullptr;
}

void compare_cell(Cell& cell) {
  const auto random =
      std::find_if(cell.methods.begin(), cell.methods.end(), [](const auto& one) { return one.is_random(); });
  for (MethodResult& one : cell.methods) {
    const Accuracies ours = accuracies_of(one);
    for (const auto& [seed, accuracy] : ours) one.mean_accuracy += accuracy / static_cast<double>(ours.size());
    one.versus_dense = compare_pairs(ours, dense_accuracies_of(one));
    if (!one.is_random() && random != cell.methods.end())
      one.versus_random = compare_pairs(ours, accuracies_of(*random));
    if (!one.control.starts_with("shuffle") && one.control != "reinit") continue;
    if (const MethodResult* method = method_behind(one, cell))
      one.method_versus = compare_pairs(accuracies_of(*method), ours);
  }
}

using Member = std::optional<PairedComparison> MethodResult::*;

/// One family of hypotheses per sweep: all its comparisons through `member` that somebody may claim something from.
void correct_p_values(Comparison& comparison, Member member) {
  std::map<std::string, std::vector<PairedComparison*>> families;
  for (ComparisonBlock& block : comparison.blocks) {
    for (Cell& cell : block.cells) {
      for (MethodResult& one : cell.methods) {
        const bool is_claim = !one.is_control() || member == &MethodResult::method_versus;
        if (is_claim && one.*member) families[block.sweep].push_back(&*(one.*member));
      }
    }
  }
  for (auto& [sweep, family] : families) {
    std::vector<std::optional<double>> p_values;
    for (const PairedComparison* compared : family) p_values.push_back(compared->p_value);
    const auto corrected = correct_by_holm(p_values);
    for (std::size_t i = 0; i < family.size(); ++i) family[i]->p_holm = corrected[i];
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return verdict == Verdict::better ? "better" : verdict == Verdict::worse ? "worse" : "inconclusive";
}

std::string method_text(const std::string& method, const std::string& criterion) {
  return criterion.empty() || criterion == method ? method : method + " (" + criterion + ")";
}

std::string MethodResult::name() const {
  if (control == "erk_random") return control;
  const std::string text = method_text(method, criterion);
  return control == "none" || is_random() ? text : text + "/" + control;
}

Comparison compare_results(const std::vector<ResultRow>& rows) {
  Sorter sorter;
  for (const ResultRow& row : rows) sorter.add(row);
  Comparison& comparison = sorter.comparison;
  for (std::size_t i = 0; i < comparison.blocks.size(); ++i) {
    ComparisonBlock& block = comparison.blocks[i];
    for (const auto& [seed, accuracy] : sorter.dense[i]) block.dense_accuracies.push_back(accuracy);
    for (Cell& cell : block.cells) order_methods(cell);
    std::stable_sort(block.cells.begin(), block.cells.end(),
                     [](const Cell& a, const Cell& b) { return a.key.sparsity_target < b.key.sparsity_target; });
    for (Cell& cell : block.cells) compare_cell(cell);
  }
  for (const Member member :
       {&MethodResult::versus_random, &MethodResult::versus_dense, &MethodResult::method_versus}) {
    correct_p_values(comparison, member);
  }
  return std::move(sorter.comparison);
}

}  // namespace espalier
