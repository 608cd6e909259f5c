#include "experiments/expand/small_dense.h"

#include "base/error.h"
#include "experiments/expand/train_recipe.h"
#include "experiments/pruning/uniform_width.h"

namespace espalier {
namespace {

std::int64_t steps_behind(const TrialConfig& pruned) {
  const PruneConfig& prune = *pruned.prune;
  const RetrainConfig& retrain = pruned.retrain;
  const std::int64_t until_pruned = prune.gradual ? pruned.train.steps : prune.at_step;
  if (!retrain.recipe) return until_pruned;
  const std::int64_t length = retrain.recipe->steps - retrain.start_step;
  const auto rounds = prune.gradual ? 1 : static_cast<std::int64_t>(prune.rounds.size());
  switch (retrain.weights) {
    case RetrainConfig::Weights::pruned:
      return until_pruned + rounds * length;
    case RetrainConfig::Weights::step:
      return retrain.weights_step + length;
    case RetrainConfig::Weights::fresh:
      break;
  }
  return length;
}

}  // namespace

std::optional<SmallDenseConfig> make_small_dense(const PruneSetting& setting, const PrunePoints& points,
                                                 const ModelSpec& model, const KeyPlace& controls, Problems& problems) {
  if (!removes_units_whole(setting.granularity)) {
    problems.add(controls, "small_dense needs whole units to leave, and granularity " + to_string(setting.granularity) +
                               " removes none as a whole; use granularity: channel, head or layer");
    return std::nullopt;
  }
  // What the criterion cannot score stays as it is in the method's network, and here, too.
  const bool same_units = setting.granularity.kind != Granularity::Kind::layer;
  const std::vector<std::string>& protect = same_units ? points.random_protect : points.protect;
  try {
    narrow_scopes(describe_model(model), setting.granularity, protect);
  } catch (const Error& error) {
    problems.add(controls, std::string("small_dense: ") + error.what());
    return std::nullopt;
  }
  return SmallDenseConfig{to_string(Granularity{.kind = setting.granularity.kind}), protect, setting.align, {}};
}

TrainRecipe small_dense_recipe(const TrialConfig& pruned) {
  const auto steps = static_cast<double>(steps_behind(pruned));
  return stretched(pruned.train, steps / static_cast<double>(pruned.train.steps));
}

}  // namespace espalier
