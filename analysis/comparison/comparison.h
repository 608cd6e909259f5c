#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/rows/result_row.h"

namespace espalier {

enum class Verdict { better, worse, inconclusive };
std::string_view to_string(Verdict verdict);

/// Below it a corrected p-value decides.
inline constexpr double kSignificant = 0.05;

/// The accuracies of one configuration against those of another, paired by seed, in percentage points.
struct PairedComparison {
  std::int64_t pairs = 0;
  std::int64_t unpaired = 0;  ///< seeds of either side without a partner: left out
  double mean_accuracy = 0;   ///< of the pairs, in [0, 1]
  double other_mean_accuracy = 0;
  double mean_pp = 0;
  /// Whether anything may be concluded: all networks of both sides learned. Otherwise there is neither interval nor p:
  /// accuracies of networks that are dead scatter about another mean, and leaving them out would choose by the result.
  bool is_tested = true;
  /// Nominal 95 % interval, Student t: of this comparison alone, whatever else the sweep compares. None where nothing
  /// is known of the spread: fewer than two pairs, or differences that are all equal.
  std::optional<double> low_pp, high_pp;
  std::optional<double> p_value;  ///< two-sided paired t test
  /// Corrected over the sweep's comparisons of the same kind, of which those that compare the same networks are one.
  /// None for a control against random or dense: no claim rests on it.
  std::optional<double> p_holm;
  /// The evaluations that were paired: comparisons with equal ones are one. Empty if they are not known.
  std::vector<std::pair<std::string, std::string>> evaluations;

  /// By p_holm: better or worse below kSignificant, by the sign of the difference; inconclusive otherwise, and where
  /// there is no p_holm.
  Verdict verdict() const;
  /// The verdict of the nominal interval alone: 1 above zero, -1 below, 0 if it contains zero or is missing.
  int nominal_sign() const;
};

/// "magnitude", or "magnitude (gradient)" where a method has another criterion than its own.
std::string method_text(const std::string& method, const std::string& criterion);

/// "magnitude", "magnitude/shuffle", "magnitude (gradient)", "random": a method, or a control of it.
std::string method_name(const std::string& method, const std::string& criterion, const std::string& control);

/// What networks that did not learn are, and how many: "collapsed", "at chance", "diverged", "untrained".
using Outcomes = std::map<std::string, std::int64_t>;

/// The seeds of one configuration: a method, or a control of it.
struct MethodResult {
  std::string method, criterion;
  std::string control;                 ///< "none", "random", "shuffle", ...: as the store has it
  std::vector<const ResultRow*> rows;  ///< by seed; those with a result
  std::int64_t waiting = 0;            ///< trials without a result yet
  std::int64_t failed = 0;             ///< trials without a result because one of their stages failed
  Outcomes not_learned;
  std::optional<double> mean_accuracy;            ///< over the rows whose accuracy is a number, in [0, 1]
  std::optional<PairedComparison> versus_random;  ///< none for random itself, and where the cell has no random result
  std::optional<PairedComparison> versus_dense;   ///< against the dense network of the same seed
  std::optional<PairedComparison> method_versus;  ///< of a method's own control: what the method is ahead of it
  /// An earlier cell of the block whose networks are the very same: its index; none if these are its own.
  std::optional<std::size_t> same_as;

  bool is_random() const { return criterion == "random" && control != "erk_random"; }
  bool is_control() const { return control != "none"; }
  /// Whether it is the control of one method, which is compared with it: shuffles, reinit, small_dense.
  bool is_own_control() const;
  /// As method_name.
  std::string name() const;
};

/// What is held equal while methods are compared.
struct CellKey {
  std::string granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::optional<double> rate;
  std::string retrain;
  std::int64_t pruned_at_step = 0;
  double sparsity_target = 0;
  std::optional<std::string> later_rounds_score;  ///< as in ResultRow
  auto operator<=>(const CellKey&) const = default;
};

struct Cell {
  CellKey key;
  std::vector<MethodResult> methods;  ///< random first, then in the order of the sweep

  /// Null if the sweep has none here.
  const MethodResult* random() const;
  bool has_results() const;
};

/// One sweep, dataset, model and variant.
struct ComparisonBlock {
  std::string sweep, dataset, model, variant;
  std::vector<double> dense_accuracies;  ///< one per seed
  Outcomes dense_not_learned;
  std::vector<Cell> cells;  ///< by sparsity, then in the order of the sweep
};

/// One sweep in numbers. Comparisons are those of methods against random, the same networks once.
struct SweepTally {
  std::string sweep;
  std::int64_t trials = 0, with_result = 0, failed = 0;
  std::int64_t better = 0, worse = 0, inconclusive = 0;
  std::int64_t nominal = 0;   ///< inconclusive ones whose nominal interval leaves zero out
  std::int64_t untested = 0;  ///< a network of either side did not learn
  std::int64_t repeated = 0;  ///< comparisons of networks that were compared already, counted nowhere else
  std::int64_t waiting_for_random = 0, random_failed = 0, without_random = 0;  ///< methods with nothing to compare with
  std::int64_t unpaired = 0;
  Outcomes not_learned;

  std::int64_t compared() const { return better + worse + inconclusive + untested; }
};

/// Points into the rows that it was made from: they must outlive it.
struct Comparison {
  std::vector<ComparisonBlock> blocks;
  std::vector<SweepTally> sweeps;  ///< in the order of their first rows
};

/// The seeds of one set against those of another. None if no seed has both.
std::optional<PairedComparison> compare_methods(const MethodResult& ours, const MethodResult& others);

/// Sets every method against the random control of its cell, the dense network of its seed, and its own controls. Rows
/// without a result are counted, separately for pending and for failed trials. Pure.
Comparison compare_results(const std::vector<ResultRow>& rows);

}  // namespace espalier
