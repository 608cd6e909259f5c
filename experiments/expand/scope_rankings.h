#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/pruning/prune_scopes.h"

namespace espalier {

/// Scopes that are counted together: one, or several that compete for a count.
struct ScopeRanking {
  std::string name;  ///< for messages: "conv1", "the network"
  std::vector<std::size_t> scopes;
  std::int64_t units = 0;
  std::optional<double> ratio = {};  ///< of a scope that has a sparsity of its own, and no rival
};

/// Every scope in one of them, in the order of their first scopes. `competes` numbers the ranking of each scope, as
/// Allocation::rankings does; empty: each is counted by itself. A scope with a ratio always is.
std::vector<ScopeRanking> scope_rankings(const std::vector<PruneScope>& scopes,
                                         const std::vector<std::optional<double>>& ratios,
                                         const std::vector<std::size_t>& competes);

/// What the scopes of a granularity lose, for messages: "channels".
std::string_view units_word(Granularity::Kind kind);

std::int64_t sum_of(const std::vector<std::int64_t>& counts);

/// The values at these places.
template <typename Value>
std::vector<Value> picked(const std::vector<Value>& values, const std::vector<std::size_t>& places) {
  std::vector<Value> made;
  for (const std::size_t i : places) made.push_back(values[i]);
  return made;
}

}  // namespace espalier
