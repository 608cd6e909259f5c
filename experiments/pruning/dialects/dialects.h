#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

// How other programs count, break ties and time their schedules, so that a paper made with them can be matched. Each
// dialect of catalog/dialects.def is one file beside this one: `dialect_NAME`, where all that sets it apart is said,
// what it does otherwise with one criterion too. Ours, without a dialect, is exact: round(N (1 - s)) stay. What a peer
// does beyond counting (its data, its training, its bugs) is not reproduced; docs/pruning.md says what is missing of
// each.

/// A round of pruning, of the whole network or of one layer.
struct CountQuestion {
  std::int64_t total = 0;    ///< units that can be pruned
  std::int64_t present = 0;  ///< of these, left before the round
  std::int64_t aside = 0;    ///< weights of protected layers, which no round touches
  double density = 0;        ///< of `total`, wanted after the round
  double share = 0;          ///< of `present`, wanted to go
};

struct Dialect {
  std::int64_t (*kept)(const CountQuestion&) = nullptr;  ///< how many of `total` stay; below 1 if the peer would fail
  std::string_view ties = {};                            ///< PruneSpec::ties
  bool revive = false;                                   ///< PruneSpec::revive
  std::string_view global_ranking = {};                  ///< PruneSpec::ranking of allocation global
  std::string_view default_allocation = {};              ///< "": that of the catalog
  std::vector<std::string_view> allocations;             ///< those it knows
  std::vector<std::string_view> schedules;               ///< those it knows
  bool structures = false;                               ///< whether other granularities than weight are counted so
  bool half_patterns = false;                            ///< whether n:2n is pruned as here
  bool protects_output = false;                          ///< the layer of the logits is left alone
  bool of_all_parameters = false;        ///< sparsity is a fraction of all parameters, biases and norms too
  bool floors_budget = false;            ///< erk's budget is the sum of n_l - floor(s n_l)
  std::string_view density_option = {};  ///< of the criterion: takes the density wanted of a schedule of one round
  std::int64_t steps_ahead = 0;          ///< of a gradual schedule: s(t + steps_ahead), on multiples of `every`
};

#define ESPALIER_DIALECT(name, ...) Dialect dialect_##name(std::string_view criterion);
#include "experiments/catalog/dialects.def"
#undef ESPALIER_DIALECT

/// Its rules for weights that the criterion scores. Errors: ErrorKind::internal for a name that the catalog lacks (the
/// parser refuses it before).
Dialect find_dialect(std::string_view name, std::string_view criterion = {});

/// Halves go to the even neighbour, as Python's round().
std::int64_t round_half_to_even(double value);

/// The fraction to keep of the prunable weights, so that a fraction `sparsity` of all parameters goes:
/// (total (1 - sparsity) - (total - prunable)) / prunable. Not positive where that cannot be.
double density_of_prunable(std::int64_t parameters, std::int64_t prunable, double sparsity);

}  // namespace espalier
