#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/result_row.h"

namespace espalier {

enum class Verdict { better, worse, inconclusive };
std::string_view to_string(Verdict verdict);

/// The accuracies of one configuration against those of another, paired by seed, in percentage points.
/// The verdict is inconclusive where the 95 % interval holds zero or there is none: fewer than two pairs, or
/// differences that are all equal, which show no spread.
struct PairedComparison {
  std::int64_t pairs = 0;
  std::int64_t unpaired = 0;  ///< seeds of either side without a partner: left out
  double mean_accuracy = 0;   ///< of the pairs, in [0, 1]
  double other_mean_accuracy = 0;
  double mean_pp = 0;
  std::optional<double> low_pp, high_pp;  ///< 95 % interval, Student t
  std::optional<double> p_value;          ///< two-sided paired t test
  /// Corrected over the sweep's comparisons of the same kind. None for a control against random or dense: nobody's
  /// claim.
  std::optional<double> p_holm;
  Verdict verdict = Verdict::inconclusive;
};

/// "magnitude", or "magnitude (gradient)" where a method has another criterion than its own.
std::string method_text(const std::string& method, const std::string& criterion);

/// The seeds of one configuration: a method, or a control of it.
struct MethodResult {
  std::string method, criterion;
  std::string control;                            ///< "none", "random", "shuffle", ...: as the store has it
  std::vector<const ResultRow*> rows;             ///< by seed; those whose accuracy is a number
  double mean_accuracy = 0;                       ///< over its rows, in [0, 1]
  std::optional<PairedComparison> versus_random;  ///< none for random itself, and where the cell has no random control
  std::optional<PairedComparison> versus_dense;   ///< against the dense network of the same seed
  std::optional<PairedComparison> method_versus;  ///< of a shuffle or reinit: what its method is ahead of it

  bool is_random() const { return criterion == "random" && control != "erk_random"; }
  bool is_control() const { return control != "none"; }
  /// "magnitude", "magnitude/shuffle", "magnitude (gradient)", "random".
  std::string name() const;
};

/// What is held equal while methods are compared.
struct CellKey {
  std::string granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain;
  std::int64_t pruned_at_step = 0;
  double sparsity_target = 0;
  auto operator<=>(const CellKey&) const = default;
};

struct Cell {
  CellKey key;
  std::vector<MethodResult> methods;  ///< random first, then in the order of the sweep
};

/// One sweep, dataset, model and variant.
struct ComparisonBlock {
  std::string sweep, dataset, model, variant;
  std::vector<double> dense_accuracies;  ///< one per seed
  std::vector<Cell> cells;               ///< by sparsity, then in the order of the sweep
};

/// Points into the rows that it was made from: they must outlive it.
struct Comparison {
  std::vector<ComparisonBlock> blocks;
  std::int64_t not_a_number = 0;  ///< rows left out because their accuracy is not a number
};

/// Sets every method against the random control of its cell, the dense network of its seed, and its own controls. Pure.
/// Errors: ErrorKind::internal if two rows have the same seed and all settings in common.
Comparison compare_results(const std::vector<ResultRow>& rows);

}  // namespace espalier
