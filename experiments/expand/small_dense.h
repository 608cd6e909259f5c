#pragma once

#include "experiments/expand/prune_points.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// How the small_dense control of a network is made narrow (experiments/pruning/uniform_width.h), all but its recipe.
/// Nothing after reporting (at the sweep's controls) a granularity that removes no unit as a whole, and a model of
/// which nothing can be made narrow.
std::optional<SmallDenseConfig> make_small_dense(const PruneSetting& setting, const PrunePoints& points,
                                                 const ModelSpec& model, const KeyPlace& controls, Problems& problems);

/// The dense training over as many steps as the pruned network's weights have behind them: up to the prune, and in all
/// retrainings that went on from there; or from the stored or fresh weights on that the last retraining began with.
/// Milestones and warmup are stretched. Liu et al. 2019, arXiv:1810.05270, "Scratch-E", of whatever the pruned network
/// was trained for. No steps where those weights were never trained.
TrainRecipe small_dense_recipe(const TrialConfig& pruned);

}  // namespace espalier
