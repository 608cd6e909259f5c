#include "experiments/graph/trial_chain.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"

namespace espalier {
namespace {

constexpr double kBackwardAndForward = 3;  // multiply-adds of a training step, in forward passes

const char* unit_word(const PruneConfig& prune) {
  return prune.named_granularity == "weight" ? "weights" : "units";
}

std::int64_t kept_after(const PruneConfig& prune, std::size_t round) {
  return (prune.gradual ? prune.rounds.back() : prune.rounds[round]).total_kept;
}

}  // namespace

void TrialChain::turn_to(const Trial& trial) {
  trial_ = &trial;
  if (config_ != trial.config.get()) specs_.turn_to(*trial.config);
  config_ = trial.config.get();
  touched_.clear();
  sensitivity_.reset();
  dense_steps_ = 0;
  retrain_steps_ = 0;
}

TrialStages TrialChain::add(const Trial& trial, SharingReport& report) {
  turn_to(trial);
  TrialStages found{};
  if (!config_->prune) {
    found.last_train = dense_state(config_->train.steps);
    found.evaluate = evaluate(*found.last_train, std::nullopt);
  } else {
    const std::size_t last = config_->prune->gradual ? 0 : config_->prune->rounds.size() - 1;
    Pruned pruned = config_->prune->gradual ? prune_in_training() : prune_in_rounds();
    if (is_shuffle(config_->control)) {
      pruned.masks = shuffle(pruned.masks);
      if (fit_their_mask())
        pruned.weights = dense_state(config_->prune->gradual ? config_->train.steps : config_->prune->at_step);
    }
    if (config_->small_dense) {
      pruned.weights = pruned.masks = narrow(pruned.masks);
      pruned.trained = std::nullopt;
      if (config_->small_dense->recipe.steps > 0) pruned.trained = train_small(pruned.masks);
    } else if (config_->control == Control::reinit) {
      pruned.weights = init(true);
      pruned.trained = retrain(last, pruned.weights, pruned.masks);
    } else {
      pruned.weights = repaired(pruned.weights, pruned.masks);
      if (config_->retrain.recipe) pruned.trained = retrain(last, retrain_origin(pruned.weights), pruned.masks);
    }
    found.masks = pruned.masks;
    found.sensitivity = sensitivity_;
    found.last_train = pruned.trained;
    found.evaluate = evaluate(pruned.trained.value_or(pruned.weights), pruned.masks);
    if (config_->latency) found.latency = latency(pruned.trained.value_or(pruned.weights), pruned.masks);
  }
  std::ranges::sort(touched_);
  touched_.erase(std::ranges::unique(touched_).begin(), touched_.end());
  report.stages_before += static_cast<std::int64_t>(touched_.size());
  report.steps_before += dense_steps_ + retrain_steps_;
  return found;
}

/// Whether what the prune leaves was trained or repaired under its own mask: most places of another would hold zeros.
bool TrialChain::fit_their_mask() const {
  const PruneConfig& prune = *config_->prune;
  return prune.gradual || find_criterion(prune.criterion).scores == CriterionScores::repairs_weights;
}

/// Up to the last round's masks: every round but the last is retrained, and the next prunes what that left.
TrialChain::Pruned TrialChain::prune_in_rounds() {
  const CriterionScores scores = find_criterion(config_->prune->criterion).scores;
  if (scores == CriterionScores::draws_scores) return draw_in_rounds();
  const bool repairs = scores == CriterionScores::repairs_weights;
  StageIndex weights = dense_state(config_->prune->at_step);
  sensitivity_ = sensitivity(weights);
  std::optional<StageIndex> masks;
  for (std::size_t round = 0; round < config_->prune->rounds.size(); ++round) {
    if (round > 0) weights = repaired(weights, *masks);
    if (round > 0 && config_->retrain.recipe) weights = retrain(round - 1, retrain_origin(weights), *masks);
    masks = prune(round, weights, masks);
    if (repairs) weights = *masks;
  }
  return {weights, *masks, std::nullopt};
}

/// The same by random numbers. They do not depend on the network, so none is trained for them to be drawn, and where a
/// retraining goes back to stored weights there is one, the last. Where they are shared, earlier rounds say nothing.
TrialChain::Pruned TrialChain::draw_in_rounds() {
  const PruneConfig& pruning = *config_->prune;
  const std::optional<StageIndex> stored = config_->retrain.recipe ? stored_origin() : std::nullopt;
  StageIndex weights = stored ? *stored : dense_state(pruning.at_step);
  if (pruning.sensitivity) sensitivity_ = sensitivity(dense_state(pruning.at_step));
  const bool trains_between = config_->retrain.recipe && !stored;
  std::optional<StageIndex> masks;
  for (std::size_t round = 0; round < pruning.rounds.size(); ++round) {
    if (pruning.shared_draw && !trains_between && round + 1 < pruning.rounds.size()) continue;
    if (round > 0 && masks) weights = repaired(weights, *masks);
    if (round > 0 && trains_between) weights = retrain(round - 1, weights, *masks);
    masks = prune(round, std::nullopt, pruning.shared_draw ? std::nullopt : masks);
  }
  return {weights, *masks, std::nullopt};
}

/// Weights and masks are left by one training.
TrialChain::Pruned TrialChain::prune_in_training() {
  const std::int64_t steps = config_->train.steps;
  retrain_steps_ += steps;
  const StageIdentity identity{StageKind::train, trial_->seed, specs_.gradual_train(), init(false)};
  const StageIndex trained = touch(stages_.add(identity, [&](Stage& stage) {
    stage.steps = steps;
    stage.ranks = static_cast<int>(config_->train.ranks);
    const auto examples = static_cast<double>(steps * config_->train.batch_size);
    fill(stage, kBackwardAndForward * examples * static_cast<double>(specs_.counts().madds),
         fmt::format("train {} seed {} to step {}, pruning by {} to {} {}", config_->model.name, trial_->seed, steps,
                     config_->prune->criterion, config_->prune->rounds.back().total_kept, unit_word(*config_->prune)));
  }));
  return {trained, trained, trained};
}

/// None where a retraining goes on with the weights that were pruned.
std::optional<StageIndex> TrialChain::stored_origin() {
  switch (config_->retrain.weights) {
    case RetrainConfig::Weights::pruned:
      return std::nullopt;
    case RetrainConfig::Weights::step:
      return dense_state(config_->retrain.weights_step);
    case RetrainConfig::Weights::fresh:
      break;
  }
  return init(true);
}

StageIndex TrialChain::retrain_origin(StageIndex pruned) {
  return stored_origin().value_or(pruned);
}

std::optional<StageIndex> TrialChain::find_dense_evaluate(const Trial& trial) {
  turn_to(trial);
  const auto init = stages_.find({StageKind::init, trial.seed, specs_.init()});
  if (!init) return std::nullopt;
  const auto trained = stages_.find({StageKind::train, trial.seed, specs_.dense_train(config_->train.steps), *init});
  if (!trained) return std::nullopt;
  return stages_.find({StageKind::evaluate, 0, specs_.evaluate(false), *trained});
}

StageIndex TrialChain::touch(StageIndex stage) {
  touched_.push_back(stage);
  return stage;
}

void TrialChain::fill(Stage& stage, double cost, std::string label) const {
  stage.cost = cost;
  stage.label = std::move(label);
  const bool reads_data = has(stage.kind, StageProperty::reads_data) ||
                          (has(stage.kind, StageProperty::may_read_data) && config_->prune->batches > 0);
  if (reads_data) stage.dataset_path = config_->dataset_path;
  stage.model_path = config_->model_path;
}

StageIndex TrialChain::init(bool fresh) {
  return touch(stages_.add({StageKind::init, trial_->seed, fresh ? specs_.reinit() : specs_.init()}, [&](Stage& stage) {
    fill(stage, static_cast<double>(specs_.counts().parameters),
         fmt::format("{} {} seed {}", fresh ? "reinit" : "init", config_->model.name, trial_->seed));
  }));
}

StageIndex TrialChain::dense_state(std::int64_t step) {
  const StageIndex start = init(false);
  if (step == 0) return start;
  dense_steps_ = std::max(dense_steps_, step);
  return touch(stages_.add({StageKind::train, trial_->seed, specs_.dense_train(step), start}, [&](Stage& stage) {
    stage.steps = step;
    stage.ranks = static_cast<int>(config_->train.ranks);
    const auto examples = static_cast<double>(step * config_->train.batch_size);
    fill(stage, kBackwardAndForward * examples * static_cast<double>(specs_.counts().madds),
         fmt::format("train {} seed {} to step {}", config_->model.name, trial_->seed, step));
  }));
}

StageIndex TrialChain::prune(std::size_t round, std::optional<StageIndex> weights, std::optional<StageIndex> masks) {
  StageIdentity identity{StageKind::prune, trial_->seed, specs_.prune(round), weights.value_or(StageIdentity::kNone),
                         masks.value_or(StageIdentity::kNone)};
  if (has(config_->prune->allocation, AllocationProperty::by_curves))
    identity.sensitivity = sensitivity_.value_or(StageIdentity::kNone);
  return touch(stages_.add(identity, [&](Stage& stage) {
    const PruneConfig& pruning = *config_->prune;
    const auto examples = static_cast<double>(pruning.batches * pruning.batch_size);
    fill(stage,
         kBackwardAndForward * examples * static_cast<double>(specs_.counts().madds) +
             static_cast<double>(specs_.counts().prunable),
         fmt::format("prune {} seed {} by {} to {} {}", config_->model.name, trial_->seed, pruning.criterion,
                     pruning.rounds[round].total_kept, unit_word(pruning)));
  }));
}

std::optional<StageIndex> TrialChain::sensitivity(StageIndex weights) {
  if (!config_->prune->sensitivity) return std::nullopt;
  const SensitivityConfig& curves = *config_->prune->sensitivity;
  return touch(stages_.add({StageKind::sensitivity, trial_->seed, specs_.sensitivity(), weights}, [&](Stage& stage) {
    const std::size_t scopes = prunable_layers(describe_model(config_->model)).size();  // about: one for each layer
    const auto examples = static_cast<double>(curves.batches * curves.batch_size);
    fill(stage,
         examples * static_cast<double>(specs_.counts().madds) *
             static_cast<double>(1 + scopes * curves.sparsities.size()),
         fmt::format("sensitivity {} seed {} by {}", config_->model.name, trial_->seed, config_->prune->criterion));
  }));
}

StageIndex TrialChain::shuffle(StageIndex masks) {
  const StageIdentity identity{StageKind::shuffle, trial_->seed, specs_.shuffle(), StageIdentity::kNone, masks};
  return touch(stages_.add(identity, [&](Stage& stage) {
    fill(stage, static_cast<double>(specs_.counts().prunable),
         fmt::format("shuffle masks of {} seed {}", config_->model.name, trial_->seed));
  }));
}

StageIndex TrialChain::repaired(StageIndex weights, StageIndex masks) {
  if (!config_->prune->repair) return weights;
  const RepairRule& repair = *config_->prune->repair;
  return touch(stages_.add({StageKind::repair, trial_->seed, specs_.repair(), weights, masks}, [&](Stage& stage) {
    const auto examples = static_cast<double>(repair.batches * repair.batch_size);
    fill(stage, examples * static_cast<double>(specs_.counts().madds) + static_cast<double>(specs_.counts().prunable),
         fmt::format("repair {} seed {}{}{}", config_->model.name, trial_->seed, repair.refit ? " by refit" : "",
                     repair.bn_stats ? " by bn_stats" : ""));
  }));
}

StageIndex TrialChain::narrow(StageIndex masks) {
  const StageIdentity identity{StageKind::narrow, trial_->seed, specs_.narrow(), StageIdentity::kNone, masks};
  return touch(stages_.add(identity, [&](Stage& stage) {
    fill(stage, static_cast<double>(specs_.counts().parameters),
         fmt::format("narrow {} seed {} to what {} {} compute", config_->model.name, trial_->seed,
                     config_->prune->rounds.back().total_kept, unit_word(*config_->prune)));
  }));
}

StageIndex TrialChain::train_small(StageIndex narrowed) {
  const TrainRecipe& recipe = config_->small_dense->recipe;
  retrain_steps_ += recipe.steps;
  const StageIdentity identity{StageKind::train, trial_->seed, specs_.small_train(), narrowed, narrowed};
  return touch(stages_.add(identity, [&](Stage& stage) {
    stage.steps = recipe.steps;
    stage.ranks = static_cast<int>(recipe.ranks);
    const auto examples = static_cast<double>(recipe.steps * recipe.batch_size);
    fill(stage, kBackwardAndForward * examples * static_cast<double>(specs_.counts().madds),
         fmt::format("train narrow {} seed {} to step {}", config_->model.name, trial_->seed, recipe.steps));
  }));
}

StageIndex TrialChain::retrain(std::size_t round, StageIndex weights, StageIndex masks) {
  const TrainRecipe& recipe = *config_->retrain.recipe;
  const std::int64_t steps = recipe.steps - config_->retrain.start_step;
  retrain_steps_ += steps;
  return touch(stages_.add({StageKind::train, trial_->seed, specs_.retrain(round), weights, masks}, [&](Stage& stage) {
    stage.steps = steps;
    stage.ranks = static_cast<int>(recipe.ranks);
    const auto examples = static_cast<double>(steps * recipe.batch_size);
    fill(stage, kBackwardAndForward * examples * static_cast<double>(specs_.counts().madds),
         fmt::format("retrain {} seed {} with {} {} to step {}", config_->model.name, trial_->seed,
                     kept_after(*config_->prune, round), unit_word(*config_->prune), recipe.steps));
  }));
}

StageIndex TrialChain::latency(StageIndex weights, StageIndex masks) {
  const StageIdentity identity{StageKind::latency, 0, specs_.latency(), weights, masks};
  return touch(stages_.add(identity, [&](Stage& stage) {
    fill(stage, static_cast<double>(specs_.counts().parameters),
         fmt::format("time {} seed {} with {} {}", config_->model.name, trial_->seed,
                     config_->prune->rounds.back().total_kept, unit_word(*config_->prune)));
  }));
}

StageIndex TrialChain::evaluate(StageIndex weights, std::optional<StageIndex> masks) {
  const StageIdentity identity{StageKind::evaluate, 0, specs_.evaluate(masks.has_value()), weights,
                               masks.value_or(StageIdentity::kNone)};
  return touch(stages_.add(identity, [&](Stage& stage) {
    const auto examples = static_cast<double>(config_->dataset.test);
    const std::string what =
        masks ? fmt::format(" with {} {}", config_->prune->rounds.back().total_kept, unit_word(*config_->prune)) : "";
    fill(stage, examples * static_cast<double>(specs_.counts().madds),
         fmt::format("evaluate {} seed {}{}", config_->model.name, trial_->seed, what));
  }));
}

}  // namespace espalier
