#include "experiments/expand/train_recipe.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"
#include "experiments/spec/sweep_limits.h"
#include "experiments/stages/outcome.h"

namespace espalier {
namespace {

constexpr std::int64_t kDefaultBatchSize = 128;
/// What an evaluation records at most: train_loss and lr, of a validation set loss and accuracy, and the test accuracy
/// where it is the best so far.
constexpr std::int64_t kMostPointsOfALook = 5;

OptimizerSpec make_optimizer(const TrainKeys<Maybe>& keys, const KeyPlace& place, Problems& problems) {
  OptimizerSpec optimizer;
  optimizer.name = keys.optimizer.value_or(default_name(list_optimizers()));
  optimizer.lr = keys.lr.value_or(0);
  optimizer.weight_decay = keys.weight_decay.value_or(0);
  if (!has(optimizer.name, OptimizerProperty::takes_momentum)) return optimizer;
  optimizer.momentum = keys.momentum.value_or(0);
  optimizer.nesterov = keys.nesterov.value_or(false);
  if (optimizer.nesterov && optimizer.momentum == 0) problems.add(place, "nesterov needs a momentum above 0");
  return optimizer;
}

LrScheduleSpec make_lr_schedule(const TrainKeys<Maybe>& keys, std::int64_t epoch, std::int64_t steps,
                                Problems& problems) {
  const LrSetting setting = keys.lr_schedule.value_or(LrSetting{});
  LrScheduleSpec schedule;
  schedule.shape = setting.shape;
  schedule.warmup_steps = keys.warmup ? keys.warmup->in_steps(epoch) : 0;
  if (setting.shape == "step") schedule.gamma = setting.gamma;
  if (setting.shape == "cosine") schedule.total_steps = steps;
  for (const Length& milestone : setting.milestones) {
    const std::int64_t step = milestone.in_steps(epoch);
    if (!schedule.milestones.empty() && step <= schedule.milestones.back()) {
      problems.add(milestone.place, "milestones rise from one to the next");
    }
    schedule.milestones.push_back(step);
  }
  return schedule;
}

/// Numbers of a step are float32.
bool vanishes(double number) {
  return number > 0 && static_cast<float>(number) == 0;
}

/// What can never show in any step.
void warn_of_no_effect(const TrainKeys<Maybe>& keys, const TrainRecipe& recipe, const KeyPlace& place,
                       Problems& problems) {
  const LrScheduleSpec& schedule = recipe.lr_schedule;
  for (std::size_t i = 0; i < schedule.milestones.size(); ++i) {
    if (schedule.milestones[i] < recipe.steps) continue;
    const Length& milestone = keys.lr_schedule->milestones[i];
    problems.warn(milestone.place, fmt::format("milestone {} is step {} of a training of {} steps: it is never reached",
                                               to_string(milestone), schedule.milestones[i], recipe.steps));
  }
  if (!schedule.milestones.empty() && schedule.gamma == 1)
    problems.warn(keys.lr_schedule->milestones.front().place, "milestones change nothing with a gamma of 1");
  if (schedule.warmup_steps > recipe.steps) {
    problems.warn(keys.warmup->place,
                  fmt::format("the learning rate rises over {} steps of a training of {}: it never reaches {}",
                              schedule.warmup_steps, recipe.steps, recipe.optimizer.lr));
  }
  if (vanishes(recipe.optimizer.lr))
    problems.warn(place, fmt::format("lr {} is 0 as float32: nothing is trained", recipe.optimizer.lr));
  if (vanishes(recipe.optimizer.weight_decay))
    problems.warn(place, fmt::format("weight_decay {} is 0 as float32", recipe.optimizer.weight_decay));
  if (vanishes(recipe.optimizer.momentum))
    problems.warn(place, fmt::format("momentum {} is 0 as float32", recipe.optimizer.momentum));
}

/// Before the training rather than after it.
void refuse_long_curve(const TrainRecipe& recipe, const DatasetSpec& dataset, const KeyPlace& place,
                       Problems& problems) {
  const std::int64_t points = dataset.validation == 0 ? 2 : dataset.test == 0 ? 4 : kMostPointsOfALook;
  const std::int64_t most_evaluations =
      static_cast<std::int64_t>(kMostMetricPoints) / points - 1;  // one more at the end
  if (recipe.eval_every < 1 || recipe.steps > kMostSteps || recipe.steps / recipe.eval_every <= most_evaluations)
    return;
  problems.add(place, fmt::format("eval_every {}it evaluates {} times in {} steps, and a curve holds {} evaluations at "
                                  "most; set eval_every to {}it or more",
                                  recipe.eval_every, recipe.steps / recipe.eval_every, recipe.steps, most_evaluations,
                                  recipe.steps / (most_evaluations + 1) + 1));
}

}  // namespace

std::int64_t steps_per_epoch(std::int64_t train_examples, std::int64_t batch_size) {
  return (train_examples + batch_size - 1) / batch_size;
}

TrainKeys<Maybe> pick(const TrainKeys<Choices>& keys, const Combination& combination) {
  const auto of = [&](const auto& choices) { return choices.pick(combination); };
  return {of(keys.optimizer),    of(keys.lr),         of(keys.momentum),   of(keys.nesterov),
          of(keys.weight_decay), of(keys.batch_size), of(keys.epochs),     of(keys.steps),
          of(keys.lr_schedule),  of(keys.warmup),     of(keys.eval_every), of(keys.augment)};
}

std::optional<TrainRecipe> make_train_recipe(const TrainKeys<Maybe>& keys, const DatasetSpec& dataset,
                                             const KeyPlace& place, Problems& problems) {
  Problems found;
  TrainRecipe recipe;
  recipe.batch_size = keys.batch_size.value_or(kDefaultBatchSize);
  if (recipe.batch_size > dataset.train) {
    found.add(place,
              fmt::format("batch_size {} is more than the {} training examples", recipe.batch_size, dataset.train));
  }
  const std::int64_t epoch = steps_per_epoch(dataset.train, recipe.batch_size);
  recipe.steps = (keys.epochs ? *keys.epochs : keys.steps.value_or(Length{})).in_steps(epoch);
  if (recipe.steps > kMostSteps) found.add(place, "trains for more than 1000000000 steps");
  recipe.optimizer = make_optimizer(keys, place, found);
  recipe.lr_schedule = make_lr_schedule(keys, epoch, recipe.steps, found);
  recipe.eval_every = keys.eval_every ? keys.eval_every->in_steps(epoch) : epoch;
  refuse_long_curve(recipe, dataset, place, found);
  if (keys.augment && *keys.augment != "none") recipe.augment = *keys.augment;
  if (!recipe.augment.empty() && dataset.shape[1] == 1) {
    found.add(place, fmt::format("augment {} moves and mirrors images; the examples of {} are rows of {} numbers",
                                 recipe.augment, dataset.name, dataset.shape[2]));
  }
  if (found.empty()) warn_of_no_effect(keys, recipe, place, found);
  problems.add_all(found);
  return found.empty() ? std::optional(recipe) : std::nullopt;
}

bool check_last_batch(const TrainRecipe& recipe, const LoneExample& network, const std::string& model,
                      std::int64_t train_examples, const KeyPlace& place, Problems& problems) {
  const bool all = recipe.batch_size == 1;
  if (!all && train_examples % recipe.batch_size != 1) return true;
  const std::string batches =
      all ? "batches have one example"
          : fmt::format("the last batch of an epoch has one example, as {} are trained on in batches of {}",
                        train_examples, recipe.batch_size);
  constexpr const char* kRemedy = "choose another batch_size, or another number of examples (dataset: train)";
  if (!network.trouble.empty()) {
    problems.add(place,
                 fmt::format("{}, and {} cannot be trained on one: {}; {}", batches, model, network.trouble, kRemedy));
    return false;
  }
  if (network.batch_norm) {
    problems.warn(place, fmt::format("{}: the batch norms of {} have its statistics alone to go by; {}", batches, model,
                                     kRemedy));
  }
  return true;
}

bool share_batches(TrainRecipe& recipe, std::int64_t ranks, const KeyPlace& place, Problems& problems) {
  recipe.ranks = ranks;
  if (recipe.batch_size % ranks == 0) return true;
  problems.add(place, fmt::format("batch_size {} is no multiple of the {} ranks of ranks_per_trial, which share it",
                                  recipe.batch_size, ranks));
  return false;
}

std::optional<double> last_learning_rate(const TrainRecipe& recipe) {
  const LrScheduleSpec& schedule = recipe.lr_schedule;
  if (schedule.shape == "cosine") return std::nullopt;
  double lr = recipe.optimizer.lr;
  if (schedule.warmup_steps > recipe.steps) {
    lr *= static_cast<double>(recipe.steps) / static_cast<double>(schedule.warmup_steps);
  }
  for (const std::int64_t milestone : schedule.milestones) {
    if (milestone < recipe.steps) lr *= schedule.gamma;
  }
  return lr;
}

TrainRecipe stretched(TrainRecipe recipe, double factor) {
  const auto stretch = [factor](std::int64_t& steps) {
    steps = static_cast<std::int64_t>(std::llround(static_cast<double>(steps) * factor));
  };
  stretch(recipe.steps);
  stretch(recipe.lr_schedule.warmup_steps);
  stretch(recipe.lr_schedule.total_steps);
  for (std::int64_t& milestone : recipe.lr_schedule.milestones) stretch(milestone);
  return recipe;
}

std::optional<TrainRecipe> make_finetune_recipe(TrainKeys<Maybe> keys, const TrainKeys<Maybe>& train_keys,
                                                const TrainRecipe& train, const DatasetSpec& dataset,
                                                const KeyPlace& place, Problems& problems) {
  const bool same_optimizer = !keys.optimizer || *keys.optimizer == train.optimizer.name;
  if (!keys.lr && !same_optimizer) {
    problems.add(place, "another optimizer than the training's needs its own lr");
    return std::nullopt;
  }
  if (!keys.lr) keys.lr = last_learning_rate(train);
  if (!keys.lr) {
    problems.add(place, "needs an lr: the training's cosine schedule ends near zero");
    return std::nullopt;
  }
  if (!keys.optimizer) keys.optimizer = train_keys.optimizer;
  if (!keys.momentum && same_optimizer) keys.momentum = train_keys.momentum;
  if (!keys.nesterov && same_optimizer) keys.nesterov = train_keys.nesterov;
  if (!keys.weight_decay) keys.weight_decay = train_keys.weight_decay;
  if (!keys.batch_size) keys.batch_size = train_keys.batch_size;
  if (!keys.eval_every) keys.eval_every = train_keys.eval_every;
  if (!keys.augment) keys.augment = train_keys.augment;
  auto recipe = make_train_recipe(keys, dataset, place, problems);
  if (recipe && !share_batches(*recipe, train.ranks, place, problems)) return std::nullopt;
  return recipe;
}

}  // namespace espalier
