#include "analysis/comparison/comparison_records.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "analysis/statistics/statistics.h"
#include "analysis/text/records_csv.h"
#include "experiments/formats/json_text.h"

namespace espalier {
namespace {

using nlohmann::ordered_json;

ordered_json or_null(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json(nullptr);
}

/// Null if no row has it.
template <typename Column>
ordered_json mean_of(const MethodResult& method, Column column) {
  std::vector<double> numbers;
  for (const ResultRow* row : method.rows) {
    if (const std::optional<double> number = std::invoke(column, *row)) numbers.push_back(*number);
  }
  return numbers.empty() ? ordered_json(nullptr) : ordered_json(estimate_mean(numbers).mean);
}

void add_comparison(ordered_json& record, const std::string& prefix, const std::optional<PairedComparison>& compared) {
  const PairedComparison& some = compared ? *compared : PairedComparison{};
  record[prefix + "pairs"] = some.pairs;
  record[prefix + "mean_difference_pp"] = compared ? ordered_json(some.mean_pp) : ordered_json(nullptr);
  record[prefix + "ci95_low_pp"] = or_null(some.low_pp);
  record[prefix + "ci95_high_pp"] = or_null(some.high_pp);
  record[prefix + "p_value"] = or_null(some.p_value);
  record[prefix + "p_holm"] = or_null(some.p_holm);
  record[prefix + "verdict"] = compared ? ordered_json(std::string(to_string(some.verdict()))) : ordered_json(nullptr);
}

ordered_json record_of(const ComparisonBlock& block, const CellKey& key, const MethodResult& method) {
  ordered_json record{{"sweep", block.sweep},
                      {"dataset", block.dataset},
                      {"model", block.model},
                      {"variant", block.variant},
                      {"method", method.method},
                      {"criterion", method.criterion},
                      {"control", method.control},
                      {"granularity", key.granularity},
                      {"allocation", key.allocation},
                      {"schedule", key.schedule},
                      {"rounds", key.rounds},
                      {"rate", or_null(key.rate)},
                      {"retrain", key.retrain},
                      {"pruned_at_step", key.pruned_at_step},
                      {"later_rounds_score", key.later_rounds_score ? ordered_json(*key.later_rounds_score) : nullptr},
                      {"sparsity_target", key.sparsity_target},
                      {"sparsity", mean_of(method, &ResultRow::sparsity)},
                      {"madds_removed", mean_of(method, &ResultRow::madds_gone)},
                      {"seeds", method.rows.size()},
                      {"not_there_yet", method.waiting},
                      {"failed", method.failed}};
  for (const char* outcome : {"at chance", "untrained", "collapsed", "diverged"}) {
    std::string name = outcome;
    std::ranges::replace(name, ' ', '_');
    const auto found = method.not_learned.find(outcome);
    record[name] = found != method.not_learned.end() ? found->second : 0;
  }
  record["mean_accuracy"] = or_null(method.mean_accuracy);
  record["validation_accuracy"] = mean_of(method, &ResultRow::validation_accuracy);
  record["validation_loss"] = mean_of(method, &ResultRow::validation_loss);
  const MeanEstimate dense = estimate_mean(block.dense_accuracies);
  record["dense_mean_accuracy"] = dense.count > 0 ? ordered_json(dense.mean) : ordered_json(nullptr);
  record["random_mean_accuracy"] =
      method.versus_random ? ordered_json(method.versus_random->other_mean_accuracy) : ordered_json(nullptr);
  add_comparison(record, "", method.versus_random);
  add_comparison(record, "dense_", method.versus_dense);
  add_comparison(record, "method_minus_control_", method.method_versus);
  return record;
}

ordered_json records_of(const Comparison& comparison) {
  ordered_json records = ordered_json::array();
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      for (const MethodResult& method : cell.methods) {
        if (!method.rows.empty()) records.push_back(record_of(block, cell.key, method));
      }
    }
  }
  return records;
}

}  // namespace

std::string comparison_json(const Comparison& comparison) {
  return json_text(records_of(comparison)) + "\n";
}

std::string comparison_csv(const Comparison& comparison) {
  // A record of nothing names the columns, so that an empty comparison has a header too.
  const ResultRow no_row;
  MethodResult nothing;
  nothing.rows = {&no_row};
  return records_csv(record_of({}, {}, nothing), records_of(comparison));
}

}  // namespace espalier
