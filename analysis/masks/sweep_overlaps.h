#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/masks/mask_overlap.h"
#include "db/rows/mask_overlap_row.h"

namespace espalier {

/// The mask that a stage (its key, 64 digits) left; none if it cannot be read any more.
using MaskSource = std::function<std::optional<PackedMask>(const std::string& masks_key)>;

/// Pairs the masks of one dataset, model, variant, pruned_at_step and sparsity_target: configurations of one seed, and
/// seeds of one configuration. Trials with the same masks (they differ in how they retrain) go by the name of the
/// first. 20,000 pairs at most, the first ones. Masks are loaded once each, those of one such place at a time.
std::vector<MaskOverlapRow> compute_mask_overlaps(const std::string& sweep, const std::vector<TrialMasksRow>& trials,
                                                  const MaskSource& load);

/// Reads artifacts of the store at `root`.
MaskSource artifact_masks(const std::filesystem::path& root);

}  // namespace espalier
