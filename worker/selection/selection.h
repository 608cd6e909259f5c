#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/stages/stage_spec.h"
#include "worker/selection/threshold.h"

namespace espalier {

/// One per layer: 1 = kept, 0 = removed.
using KeepMasks = std::vector<std::vector<std::uint8_t>>;

/// What happens to scores that equal the one at the edge; -0.0 equals 0.0, order is (layer, flat index).
enum class Ties {
  first,  ///< those that come first stay: the exact count
  last,   ///< those that come last stay: the exact count
  drop,   ///< t = the highest score that is to go: whatever is <= t goes, so fewer than requested may stay
  keep    ///< t = the lowest score that is to stay: whatever is >= t stays, so more than requested may stay
};
/// PruneSpec::ties: "" (first), "last", "drop" or "keep". Errors: ErrorKind::invalid_input naming these.
Ties parse_ties(std::string_view text);

struct SelectionRules {
  Ties ties = Ties::first;
  bool revive = false;               ///< removed weights compete again: `surviving` is ignored
  std::string_view unit = "weight";  ///< for messages: what the scores are of
};

/// Keeps exactly the requested number of the survivors, highest score first, ties by the rules. Unless rules.revive,
/// what was removed before never comes back. The one selection of all criteria and granularities. With
/// target.layer_kept empty all layers are ranked together for target.total_kept, otherwise each for its own count. With
/// target.layer_least or layer_most (each empty or one per layer), a ranking of all together still holds the total:
/// layers that would keep fewer than their least keep that, by their own ranking, those above their most likewise, and
/// the others share what remains. With target.layer_ranking the layers of each ranking are ranked together for its
/// count of target.ranking_kept. With target.layer_multiple a ranking says how many each layer keeps, these counts go
/// to multiples as aligned_counts does, and each layer keeps so many by its own ranking; a total above what is left is
/// what is left. Exact and linear, nothing is sorted or copied (worker/selection/threshold.h). Errors:
/// ErrorKind::numeric naming layer and index if a survivor's score is NaN; ErrorKind::invalid_input if more is
/// requested than survives, a count is negative, the counts do not fit the layers, bounds cannot hold the total, or
/// bounds meet ties that do not keep counts (drop, keep).
KeepMasks select_kept(const std::vector<ScoredLayer>& layers, const PruneTarget& target,
                      const SelectionRules& rules = {});

}  // namespace espalier
