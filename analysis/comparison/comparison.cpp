#include "analysis/comparison/comparison.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "analysis/statistics/statistics.h"

// Rows are sorted into blocks, cells and methods, each in the order of its first row, so that the tables follow the
// sweep's own order; then each method is paired with its partners, and p-values are corrected sweep by sweep.

namespace espalier {
namespace {

constexpr const char* kLearned = "learned";

/// A network on one side of a comparison.
struct Side {
  double accuracy = 0;
  std::string evaluation;
};
struct Sides {
  std::map<std::uint64_t, Side> by_seed;
  bool all_learned = true;
};

CellKey cell_key(const ResultRow& row) {
  return {row.granularity,    row.allocation,      row.schedule,          row.rounds, row.rate, row.retrain,
          row.pruned_at_step, row.sparsity_target, row.later_rounds_score};
}

/// The element that `is_it` holds for; a new one at the end if there is none.
template <typename Item, typename Is>
Item& find_or_add(std::vector<Item>& items, Is&& is_it) {
  const auto found = std::find_if(items.begin(), items.end(), is_it);
  return found != items.end() ? *found : items.emplace_back();
}

/// A loss that is not a number leaves no accuracy, whatever else is known of the network.
std::string outcome_of(const ResultRow& row) {
  return row.accuracy ? row.outcome : "diverged";
}

/// Of two rows with equal settings, which expansion refuses, the first: one sweep never closes the store to others.
Sides sides_of(const MethodResult& method) {
  Sides sides;
  sides.all_learned = method.not_learned.empty();
  for (const ResultRow* row : method.rows) {
    if (row->accuracy) sides.by_seed.try_emplace(row->seed, Side{*row->accuracy, row->evaluation_key});
  }
  return sides;
}

Sides dense_sides_of(const MethodResult& method) {
  Sides sides;
  for (const ResultRow* row : method.rows) {
    if (!row->dense_outcome.empty() && row->dense_outcome != kLearned) sides.all_learned = false;
    if (row->dense_accuracy) sides.by_seed[row->seed] = {*row->dense_accuracy, "dense"};
  }
  return sides;
}

/// None if no seed has both.
std::optional<PairedComparison> compare_pairs(const Sides& ours, const Sides& others) {
  PairedComparison compared;
  std::vector<double> differences;
  bool known = true;
  for (const auto& [seed, side] : ours.by_seed) {
    const auto other = others.by_seed.find(seed);
    if (other == others.by_seed.end()) continue;
    differences.push_back(100 * (side.accuracy - other->second.accuracy));
    compared.mean_accuracy += side.accuracy;
    compared.other_mean_accuracy += other->second.accuracy;
    compared.evaluations.emplace_back(side.evaluation, other->second.evaluation);
    known = known && !side.evaluation.empty() && !other->second.evaluation.empty();
  }
  if (differences.empty()) return std::nullopt;
  if (!known) compared.evaluations.clear();
  const MeanEstimate estimate = estimate_mean(differences);
  compared.pairs = static_cast<std::int64_t>(differences.size());
  compared.unpaired = static_cast<std::int64_t>(ours.by_seed.size() + others.by_seed.size()) - 2 * compared.pairs;
  compared.mean_accuracy /= static_cast<double>(compared.pairs);
  compared.other_mean_accuracy /= static_cast<double>(compared.pairs);
  compared.mean_pp = estimate.mean;
  compared.is_tested = ours.all_learned && others.all_learned;
  if (!compared.is_tested) return compared;
  compared.low_pp = estimate.low;
  compared.high_pp = estimate.high;
  compared.p_value = estimate.p_value;
  return compared;
}

using BlockKey = std::tuple<std::string, std::string, std::string, std::string>;

struct Sorter {
  Comparison comparison;
  std::map<BlockKey, std::size_t> block_index;
  std::vector<std::map<CellKey, std::size_t>> cell_index;        // parallel to the blocks
  std::vector<std::map<std::uint64_t, const ResultRow*>> dense;  // parallel to the blocks: rows that know it, by seed

  void add(const ResultRow& row) {
    count(row);
    const std::size_t at = block_of(row);
    if (row.is_dense()) {
      if (row.has_result()) dense[at][row.seed] = &row;
      return;
    }
    if (!row.dense_outcome.empty() || row.dense_accuracy) dense[at].try_emplace(row.seed, &row);
    MethodResult& method = find_or_add(cell_of(at, row).methods, [&](const MethodResult& known) {
      return known.method == row.method && known.criterion == row.criterion && known.control == row.control;
    });
    method.method = row.method;
    method.criterion = row.criterion;
    method.control = row.control;
    if (!row.has_result()) {
      ++(row.outcome == "failed" ? method.failed : method.waiting);
      return;
    }
    if (outcome_of(row) != kLearned) ++method.not_learned[outcome_of(row)];
    method.rows.push_back(&row);
  }

  void count(const ResultRow& row) {
    SweepTally& tally =
        find_or_add(comparison.sweeps, [&](const SweepTally& known) { return known.sweep == row.sweep; });
    tally.sweep = row.sweep;
    ++tally.trials;
    tally.with_result += row.has_result() ? 1 : 0;
    tally.failed += row.outcome == "failed" ? 1 : 0;
    if (row.has_result() && outcome_of(row) != kLearned) ++tally.not_learned[outcome_of(row)];
  }

  std::size_t block_of(const ResultRow& row) {
    const auto [place, is_new] =
        block_index.try_emplace({row.sweep, row.dataset, row.model, row.variant}, block_index.size());
    if (is_new) {
      comparison.blocks.push_back({row.sweep, row.dataset, row.model, row.variant, {}, {}, {}});
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

  void set_dense(std::size_t at) {
    ComparisonBlock& block = comparison.blocks[at];
    for (const auto& [seed, row] : dense[at]) {
      const std::string outcome = row->is_dense() ? outcome_of(*row) : row->dense_outcome;
      const std::optional<double> accuracy = row->is_dense() ? row->accuracy : row->dense_accuracy;
      if (accuracy) block.dense_accuracies.push_back(*accuracy);
      if (!outcome.empty() && outcome != kLearned) ++block.dense_not_learned[outcome];
    }
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

/// The method whose control `control` is; null if it is missing.
const MethodResult* method_behind(const MethodResult& control, const Cell& cell) {
  const auto found = std::ranges::find_if(cell.methods, [&](const MethodResult& one) {
    return one.method == control.method && one.criterion == control.criterion && one.control == "none";
  });
  return found != cell.methods.end() ? &*found : nullptr;
}

void compare_cell(Cell& cell) {
  const MethodResult* random = cell.random();
  for (MethodResult& one : cell.methods) {
    const Sides ours = sides_of(one);
    for (const auto& [seed, side] : ours.by_seed)
      one.mean_accuracy = one.mean_accuracy.value_or(0) + side.accuracy / static_cast<double>(ours.by_seed.size());
    one.versus_dense = compare_pairs(ours, dense_sides_of(one));
    if (!one.is_random() && random != nullptr) one.versus_random = compare_pairs(ours, sides_of(*random));
    if (!one.is_own_control()) continue;
    if (const MethodResult* method = method_behind(one, cell))
      one.method_versus = compare_pairs(sides_of(*method), ours);
  }
}

/// One shot and the first round of an iterative schedule, say, are one computation under two names.
void find_same_networks(ComparisonBlock& block) {
  std::map<std::vector<std::string>, std::size_t> first_cell;
  for (std::size_t i = 0; i < block.cells.size(); ++i) {
    for (MethodResult& one : block.cells[i].methods) {
      std::vector<std::string> evaluations;
      for (const ResultRow* row : one.rows) evaluations.push_back(row->evaluation_key);
      if (evaluations.empty() || std::ranges::find(evaluations, "") != evaluations.end()) continue;
      const auto [found, is_new] = first_cell.try_emplace(evaluations, i);
      if (!is_new && found->second != i) one.same_as = found->second;
    }
  }
}

using Member = std::optional<PairedComparison> MethodResult::*;

/// The sweep's comparisons through `member` that support claims: one family of hypotheses. Those of
/// the same networks are together.
std::vector<std::vector<PairedComparison*>> family_of(Comparison& comparison, const std::string& sweep, Member member) {
  std::vector<std::vector<PairedComparison*>> family;
  std::map<std::vector<std::pair<std::string, std::string>>, std::size_t> known;
  for (ComparisonBlock& block : comparison.blocks) {
    if (block.sweep != sweep) continue;
    for (Cell& cell : block.cells) {
      for (MethodResult& one : cell.methods) {
        const bool is_claim = !one.is_control() || member == &MethodResult::method_versus;
        if (!is_claim || !(one.*member)) continue;
        PairedComparison& compared = *(one.*member);
        std::size_t at = family.size();
        if (!compared.evaluations.empty()) at = known.try_emplace(compared.evaluations, at).first->second;
        if (at == family.size()) family.emplace_back();
        family[at].push_back(&compared);
      }
    }
  }
  return family;
}

void correct_p_values(const std::vector<std::vector<PairedComparison*>>& family) {
  std::vector<std::optional<double>> p_values;
  for (const auto& same : family) p_values.push_back(same.front()->p_value);
  const auto corrected = correct_by_holm(p_values);
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (PairedComparison* compared : family[i]) compared->p_holm = corrected[i];
  }
}

void count_comparisons(SweepTally& tally, const std::vector<std::vector<PairedComparison*>>& family) {
  for (const auto& same : family) {
    const PairedComparison& compared = *same.front();
    tally.repeated += static_cast<std::int64_t>(same.size()) - 1;
    tally.unpaired += compared.unpaired;
    const Verdict verdict = compared.verdict();
    if (!compared.is_tested) {
      ++tally.untested;
    } else if (verdict == Verdict::inconclusive) {
      ++tally.inconclusive;
      tally.nominal += compared.nominal_sign() != 0 ? 1 : 0;
    } else {
      ++(verdict == Verdict::better ? tally.better : tally.worse);
    }
  }
}

void count_without_random(SweepTally& tally, const Cell& cell) {
  const MethodResult* random = cell.random();
  for (const MethodResult& one : cell.methods) {
    if (one.is_control() || one.is_random() || one.rows.empty() || one.versus_random) continue;
    if (random == nullptr) {
      ++tally.without_random;
    } else if (random->waiting > 0) {
      ++tally.waiting_for_random;
    } else if (!random->not_learned.empty() || !one.not_learned.empty()) {
      ++tally.untested;  // no accuracy of one side is a number
    } else {
      ++(random->failed > 0 ? tally.random_failed : tally.without_random);
    }
  }
}

}  // namespace

std::optional<PairedComparison> compare_methods(const MethodResult& ours, const MethodResult& others) {
  return compare_pairs(sides_of(ours), sides_of(others));
}

std::string_view to_string(Verdict verdict) {
  return verdict == Verdict::better ? "better" : verdict == Verdict::worse ? "worse" : "inconclusive";
}

Verdict PairedComparison::verdict() const {
  if (!p_holm || *p_holm >= kSignificant) return Verdict::inconclusive;
  return mean_pp > 0 ? Verdict::better : Verdict::worse;
}

int PairedComparison::nominal_sign() const {
  if (!low_pp || !high_pp) return 0;
  return *low_pp > 0 ? 1 : *high_pp < 0 ? -1 : 0;
}

std::string method_text(const std::string& method, const std::string& criterion) {
  return criterion.empty() || criterion == method ? method : method + " (" + criterion + ")";
}

std::string method_name(const std::string& method, const std::string& criterion, const std::string& control) {
  MethodResult result;
  result.method = method;
  result.criterion = criterion;
  result.control = control;
  return result.name();
}

std::string MethodResult::name() const {
  if (control == "erk_random") return control;
  const std::string text = method_text(method, criterion);
  return control == "none" || is_random() ? text : text + "/" + control;
}

bool MethodResult::is_own_control() const {
  return control.starts_with("shuffle") || control == "reinit" || control == "small_dense";
}

const MethodResult* Cell::random() const {
  const auto found = std::ranges::find_if(methods, &MethodResult::is_random);
  return found != methods.end() ? &*found : nullptr;
}

bool Cell::has_results() const {
  return std::ranges::any_of(methods, [](const MethodResult& one) { return !one.rows.empty(); });
}

Comparison compare_results(const std::vector<ResultRow>& rows) {
  Sorter sorter;
  for (const ResultRow& row : rows) sorter.add(row);
  Comparison& comparison = sorter.comparison;
  for (std::size_t i = 0; i < comparison.blocks.size(); ++i) {
    ComparisonBlock& block = comparison.blocks[i];
    sorter.set_dense(i);
    for (Cell& cell : block.cells) order_methods(cell);
    std::stable_sort(block.cells.begin(), block.cells.end(),
                     [](const Cell& a, const Cell& b) { return a.key.sparsity_target < b.key.sparsity_target; });
    for (Cell& cell : block.cells) compare_cell(cell);
    find_same_networks(block);
  }
  for (SweepTally& tally : comparison.sweeps) {
    for (const Member member : {&MethodResult::versus_dense, &MethodResult::method_versus}) {
      correct_p_values(family_of(comparison, tally.sweep, member));
    }
    const auto family = family_of(comparison, tally.sweep, &MethodResult::versus_random);
    correct_p_values(family);
    count_comparisons(tally, family);
    for (const ComparisonBlock& block : comparison.blocks) {
      if (block.sweep != tally.sweep) continue;
      for (const Cell& cell : block.cells) count_without_random(tally, cell);
    }
  }
  return std::move(sorter.comparison);
}

}  // namespace espalier
