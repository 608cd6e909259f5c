#include "analysis/comparison/versus_random.h"

#include <optional>

#include "analysis/comparison/comparison.h"
#include "analysis/statistics/statistics.h"

namespace espalier {
namespace {

/// Of what every row has.
template <typename Number>
double mean_of(const MethodResult& method, Number ResultRow::*column) {
  double sum = 0;
  for (const ResultRow* row : method.rows) sum += static_cast<double>(row->*column);
  return sum / static_cast<double>(method.rows.size());
}

/// Over the rows that have it; none if no row has.
template <typename Number>
std::optional<double> mean_of(const MethodResult& method, std::optional<Number> ResultRow::*column) {
  std::vector<double> numbers;
  for (const ResultRow* row : method.rows) {
    if (row->*column) numbers.push_back(static_cast<double>(*(row->*column)));
  }
  if (numbers.empty()) return std::nullopt;
  return estimate_mean(numbers).mean;
}

void set_means(CellStatistics& cell, const MethodResult& method) {
  cell.sparsity = mean_of(method, &ResultRow::sparsity);
  cell.params_total = mean_of(method, &ResultRow::params_total);
  cell.params_kept = mean_of(method, &ResultRow::params_kept);
  cell.madds_dense = mean_of(method, &ResultRow::madds_dense);
  cell.madds_effective = mean_of(method, &ResultRow::madds_effective);
  cell.params_shrunk = mean_of(method, &ResultRow::params_shrunk);
  cell.madds_shrunk = mean_of(method, &ResultRow::madds_shrunk);
  cell.file_bytes = mean_of(method, &ResultRow::file_bytes);
  cell.accuracy = mean_of(method, &ResultRow::accuracy);
  cell.loss = mean_of(method, &ResultRow::loss);
  cell.test_accuracy_at_best_validation = mean_of(method, &ResultRow::test_accuracy_at_best_validation);
  cell.validation_accuracy = mean_of(method, &ResultRow::validation_accuracy);
  cell.validation_loss = mean_of(method, &ResultRow::validation_loss);
  cell.dense_accuracy = mean_of(method, &ResultRow::dense_accuracy);
  cell.train_steps = mean_of(method, &ResultRow::train_steps);
  cell.wall_s = mean_of(method, &ResultRow::wall_s);
}

void set_comparison(CellStatistics& cell, const MethodResult& method) {
  if (!method.versus_random) return;
  const PairedComparison& compared = *method.versus_random;
  cell.seeds = compared.pairs;
  cell.mean_accuracy = compared.mean_accuracy;
  cell.random_mean_accuracy = compared.other_mean_accuracy;
  cell.mean_difference_pp = compared.mean_pp;
  cell.ci95_low_pp = compared.low_pp;
  cell.ci95_high_pp = compared.high_pp;
  cell.p_value = compared.p_value;
  cell.p_holm = compared.p_holm;
  cell.verdict = to_string(compared.verdict());
}

CellStatistics statistics_of(const ComparisonBlock& block, const CellKey& key, const MethodResult& method) {
  CellStatistics cell;
  cell.sweep = block.sweep;
  cell.dataset = block.dataset;
  cell.model = block.model;
  cell.variant = block.variant;
  cell.method = method.method;
  cell.criterion = method.criterion;
  cell.control = method.control;
  cell.granularity = key.granularity;
  cell.allocation = key.allocation;
  cell.schedule = key.schedule;
  cell.rounds = key.rounds;
  cell.rate = key.rate;
  cell.retrain = key.retrain;
  cell.pruned_at_step = key.pruned_at_step;
  cell.sparsity_target = key.sparsity_target;
  cell.trial_key = method.rows.front()->trial_key;
  cell.mean_accuracy = method.mean_accuracy;
  for (const auto& [outcome, count] : method.not_learned) cell.not_learned += count;
  set_means(cell, method);
  set_comparison(cell, method);
  return cell;
}

}  // namespace

std::vector<CellStatistics> compute_cell_statistics(const std::vector<ResultRow>& rows) {
  std::vector<CellStatistics> cells;
  const Comparison comparison = compare_results(rows);
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      for (const MethodResult& method : cell.methods) {
        if (!method.is_random() && !method.rows.empty()) cells.push_back(statistics_of(block, cell.key, method));
      }
    }
  }
  return cells;
}

}  // namespace espalier
