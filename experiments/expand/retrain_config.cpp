#include "experiments/expand/retrain_config.h"

#include <fmt/format.h>

#include "experiments/expand/train_recipe.h"
#include "experiments/parse/retrain_key.h"

namespace espalier {
namespace {

using After = RetrainSetting::Form;

/// The step of the dense training that a rewind goes back to; nothing after reporting one that leaves no training.
std::optional<std::int64_t> rewind_step(const RetrainSetting& setting, const Length& to, const TrainRecipe& train,
                                        std::int64_t train_examples, Problems& problems) {
  const std::int64_t epoch = steps_per_epoch(train_examples, train.batch_size);
  std::int64_t step = to.in_steps(epoch);
  if (setting.last_epochs > 0) step = train.steps - setting.last_epochs * epoch;
  if (step >= 0 && step < train.steps) return step;
  const KeyPlace& place = setting.last_epochs > 0 ? setting.place : to.place;
  problems.add(place,
               fmt::format("goes back to step {} of a training of {} steps ({} an epoch)", step, train.steps, epoch));
  return std::nullopt;
}

/// Weights, step and learning rate, each given by its own key.
std::optional<RetrainConfig> turn_knobs(const RetrainSetting& setting, const TrialConfig& dense, Problems& problems) {
  RetrainConfig config;
  config.name = retrain_label(setting);
  const auto start = rewind_step(setting, setting.to, dense.train, dense.dataset.train, problems);
  if (!start) return std::nullopt;
  config.start_step = *start;
  config.recipe = dense.train;
  std::optional<double> lr = setting.lr;
  if (setting.last_lr) lr = last_learning_rate(dense.train);
  if (setting.last_lr && !lr) {
    problems.add(setting.place, "needs an lr: the training's cosine schedule ends near zero");
    return std::nullopt;
  }
  if (lr) {
    config.recipe->optimizer.lr = *lr;
    config.recipe->lr_schedule = {};
  }
  switch (setting.weights) {
    case RetrainSetting::Weights::pruned:
      config.own_data_order = true;
      return config;
    case RetrainSetting::Weights::fresh:
      config.weights = RetrainConfig::Weights::fresh;
      return config;
    case RetrainSetting::Weights::step:
      break;
  }
  const std::int64_t epoch = steps_per_epoch(dense.dataset.train, dense.train.batch_size);
  config.weights = RetrainConfig::Weights::step;
  config.weights_step = setting.weights_of.in_steps(epoch);
  if (config.weights_step <= dense.train.steps) return config;
  problems.add(setting.weights_of.place, fmt::format("are those of step {} of a training of {} steps ({} an epoch)",
                                                     config.weights_step, dense.train.steps, epoch));
  return std::nullopt;
}

}  // namespace

std::optional<RetrainConfig> make_retrain_config(const RetrainSetting& setting, const DenseConfig& network,
                                                 Problems& problems) {
  const TrialConfig& dense = network.config;
  RetrainConfig config;
  config.name = retrain_label(setting);
  switch (setting.form) {
    case After::none:
      return config;
    case After::finetune:
      config.recipe =
          make_finetune_recipe(setting.finetune, network.keys, dense.train, dense.dataset, setting.place, problems);
      if (config.recipe && config.recipe->batch_size != dense.train.batch_size &&
          !check_last_batch(*config.recipe, network.lone, dense.model.name, dense.dataset.train, setting.place,
                            problems))
        return std::nullopt;
      config.own_data_order = true;
      break;
    case After::rewind:
    case After::lr_rewind: {
      const auto step = rewind_step(setting, setting.to, dense.train, dense.dataset.train, problems);
      if (!step) return std::nullopt;
      config.recipe = dense.train;
      config.start_step = *step;
      if (setting.form == After::rewind) {
        config.weights = RetrainConfig::Weights::step;
        config.weights_step = *step;
      } else {
        config.own_data_order = true;
      }
      break;
    }
    case After::knobs:
      return turn_knobs(setting, dense, problems);
    case After::reinit:
    case After::scratch_e:
    case After::scratch_b:  // stretched when it is known what is left
      config.recipe = dense.train;
      config.weights = RetrainConfig::Weights::fresh;
  }
  return config.recipe ? std::optional(config) : std::nullopt;
}

}  // namespace espalier
