#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/pruning/prune_scopes.h"

namespace espalier {

// Kernels compute channels in blocks of 8 or 16, so that latency falls in steps: counts that are multiples use it.
// Counts are of units (prune_scopes.h). Torch-Pruning's `round_to` rounds what stays down, so that more goes than was
// asked for; here counts go to the nearest multiple, and totals are held as nearly as multiples allow.

/// Units that a scope loses and keeps at a time, so that every layer of it has a multiple of `align` of the channels
/// that one kernel sees (of a convolution in groups: those of its group). A head is as many rows as it is wide: of
/// heads of 64, any number is a multiple of 8.
std::int64_t unit_multiple(const PruneScope& scope, std::int64_t align);

/// The counts that a scope may have: multiples of `multiple` that are not above `most` nor below `least`, at least one
/// multiple; and `most`, which is all that the scope has, or a multiple.
struct AlignedScope {
  std::int64_t multiple = 1;
  std::int64_t most = 0;
  std::int64_t least = 0;

  std::int64_t lowest() const;  ///< `most` where it is less than a multiple
};

/// The nearest count that the scope may have; halfway the higher one.
std::int64_t aligned_count(std::int64_t count, const AlignedScope& scope);

/// Counts that the scopes may have, next to `counts` and with a sum as near to `total` as single steps lead: each
/// begins with the multiple below, and the one that is furthest from its count, in steps, moves, of equals the first,
/// as long as the sum comes nearer. The sum is `total` to within half a step unless a bound or a scope left whole is in
/// the way.
std::vector<std::int64_t> aligned_counts(std::span<const std::int64_t> counts, std::span<const AlignedScope> scopes,
                                         std::int64_t total);

}  // namespace espalier
