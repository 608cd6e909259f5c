#pragma once

#include <cstdint>

namespace espalier {

// kNumericsEpoch (stage.h) is of all stages. Where some cases alone compute something else than before, their specs say
// so in a field "epoch", 1 being left out: they have new keys, and all others keep theirs. docs/maintenance.md says how
// results of earlier epochs are found. Epoch 2 changed:
//   masks of a model with a layer norm   paths lead through it from every channel to every other
//   masks by sparsegpt                   weights that it sets to zero are removed (the catalog's line has its epoch)
//   shuffled channels, heads and layers  what lost nothing has no mask of its own, as after a prune
//   sensitivity curves                   halves of units are rounded as written in decimals, where that differs
// Epoch 3:
//   random masks (the catalog's line), shuffles   drawn by what the trial is (graph/mask_draws.h), not by its seed
//   alone

inline constexpr std::int64_t kNewestCaseEpoch = 3;

/// Of masks whose units changed places.
inline constexpr std::int64_t kShuffleEpoch = 3;

}  // namespace espalier
