#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/stage_spec.h"

namespace espalier {

/// One prunable layer as selection sees it; both spans have one element per weight, in flat (row-major) order.
struct ScoredLayer {
  std::string name;                         ///< for messages
  std::span<const float> scores;            ///< higher = keep
  std::span<const std::uint8_t> surviving;  ///< 0 where the weight went in an earlier round; its score is not looked at
};

/// One per layer: 1 = kept, 0 = removed.
using KeepMasks = std::vector<std::vector<std::uint8_t>>;

/// Keeps exactly the requested number of the surviving weights, highest score first; of equal scores (-0.0 equals 0.0)
/// those that come first by (layer, flat index). What was removed before never comes back. The one selection of all
/// criteria. With target.layer_kept empty all layers are ranked together for target.total_kept, otherwise each for its
/// own count. Exact and linear: a radix histogram over the scores' bits finds the threshold; nothing is sorted. Errors:
/// ErrorKind::numeric naming the layer if a surviving weight's score is NaN; ErrorKind::invalid_input if more is
/// requested than survives, a count is negative, or the counts do not fit the layers.
KeepMasks select_kept(const std::vector<ScoredLayer>& layers, const PruneTarget& target);

}  // namespace espalier
