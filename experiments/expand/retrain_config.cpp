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
  RetrainConfig plan;
  plan.name = retrain_label(setting);
  const auto start = rewind_step(setting, setting.to, dense.train, dense.dataset.train, problems);
  if (!start) return std::nullopt;
  plan.start_step = *start;
  plan.recipe = dense.train;
  std::optional<double> lr = setting.lr;
  if (setting.last_lr) lr = last_learning_rate(dense.train);
  if (setting.last_lr && !lr) {
    problems.add(setting.place, "needs an lr: the training's cosine schedule ends near zero");
    return std::nullopt;
  }
  if (lr) {
    plan.recipe->optimizer.lr = *lr;
    plan.recipe->lr_schedule = {};
  }
  switch (setting.weights) {
    case RetrainSetting::Weights::pruned:
      plan.own_data_order = true;
      return plan;
    case RetrainSetting::Weights::fresh:
      plan.weights = RetrainConfig::Weights::fresh;
      return plan;
    case RetrainSetting::Weights::step:
      break;
  }
  const std::int64_t epoch = steps_per_epoch(dense.dataset.train, dense.train.batch_size);
  plan.weights = RetrainConfig::Weights::step;
  plan.weights_step = setting.weights_of.in_steps(epoch);
  if (plan.weights_step <= dense.train.steps) return plan;
  problems.add(setting.weights_of.place, fmt::format("are those of step {} of a training of {} steps ({} an epoch)",
                                                     plan.weights_step, dense.train.steps, epoch));
  return std::nullopt;
}

}  // namespace

std::optional<RetrainConfig> make_retrain_config(const RetrainSetting& setting, const DenseConfig& network,
                                                 Problems& problems) {
  const TrialConfig& dense = network.config;
  RetrainConfig plan;
  plan.name = retrain_label(setting);
  switch (setting.form) {
    case After::none:
      return plan;
    case After::finetune:
      plan.recipe =
          make_finetune_recipe(setting.finetune, network.keys, dense.train, dense.dataset, setting.place, problems);
      if (plan.recipe && plan.recipe->batch_size != dense.train.batch_size &&
          !check_last_batch(*plan.recipe, network.lone, dense.model.name, dense.dataset.train, setting.place, problems))
        return std::nullopt;
      plan.own_data_order = true;
      break;
    case After::rewind:
    case After::lr_rewind: {
      const auto step = rewind_step(setting, setting.to, dense.train, dense.dataset.train, problems);
      if (!step) return std::nullopt;
      plan.recipe = dense.train;
      plan.start_step = *step;
      if (setting.form == After::rewind) {
        plan.weights = RetrainConfig::Weights::step;
        plan.weights_step = *step;
      } else {
        plan.own_data_order = true;
      }
      break;
    }
    case After::knobs:
      return turn_knobs(setting, dense, problems);
    case After::reinit:
    case After::scratch_e:
    case After::scratch_b:  // stretched when it is known what is left
      plan.recipe = dense.train;
      plan.weights = RetrainConfig::Weights::fresh;
  }
  return plan.recipe ? std::optional(plan) : std::nullopt;
}

}  // namespace espalier
