#include "experiments/graph/chain_specs.h"

#include <algorithm>

namespace espalier {

void ChainSpecs::turn_to(const TrialConfig& config) {
  const TrialConfig* before = config_;
  config_ = &config;
  keep_equal_prunes(before, config);
  const bool same_model = before != nullptr && before->model == config.model;
  if (!same_model) counts_ = count_model(describe_model(config.model));
  const bool same_network =
      same_model && before->dataset == config.dataset && before->init == config.init && before->train == config.train;
  if (!same_network) forget_network();
  if (!same_network || before->retrain != config.retrain) retrain_.clear();
}

/// The operating points of one chain of rounds begin alike.
void ChainSpecs::keep_equal_prunes(const TrialConfig* before, const TrialConfig& config) {
  std::size_t kept = 0;
  const bool comparable = before != nullptr && before->prune && config.prune && before->model == config.model &&
                          before->dataset == config.dataset && before->prune->criterion == config.prune->criterion &&
                          before->prune->granularity == config.prune->granularity &&
                          before->prune->batches == config.prune->batches &&
                          before->prune->batch_size == config.prune->batch_size;
  if (comparable) {
    const auto differ = std::ranges::mismatch(before->prune->rounds, config.prune->rounds);
    kept = static_cast<std::size_t>(differ.in1 - before->prune->rounds.begin());
  }
  prune_.resize(kept);
  prune_.resize(config.prune ? config.prune->rounds.size() : 0);
}

void ChainSpecs::forget_network() {
  init_.reset();
  reinit_.reset();
  shuffle_.reset();
  evaluate_.reset();
  dense_.clear();
}

SpecIndex ChainSpecs::init() {
  if (!init_) init_ = table_.add(InitSpec{config_->model, config_->init, "init"});
  return *init_;
}

SpecIndex ChainSpecs::reinit() {
  const bool kept = config_->init == "as_scripted";  // there is no second draw of these weights
  if (!reinit_) reinit_ = table_.add(InitSpec{config_->model, kept ? "kaiming_normal" : config_->init, "reinit"});
  return *reinit_;
}

SpecIndex ChainSpecs::shuffle() {
  if (!shuffle_) shuffle_ = table_.add(ShuffleSpec{config_->model});
  return *shuffle_;
}

SpecIndex ChainSpecs::evaluate() {
  if (!evaluate_) evaluate_ = table_.add(EvaluateSpec{config_->model, config_->dataset});
  return *evaluate_;
}

SpecIndex ChainSpecs::train(const TrainRecipe& recipe, std::int64_t start_step, std::int64_t end_step,
                            std::int64_t phase) {
  return table_.add_train({config_->model, config_->dataset, recipe.optimizer, recipe.lr_schedule, recipe.batch_size,
                           start_step, end_step, recipe.eval_every, phase, recipe.augment});
}

SpecIndex ChainSpecs::dense_train(std::int64_t end_step) {
  for (const auto& [step, spec] : dense_) {
    if (step == end_step) return spec;
  }
  dense_.emplace_back(end_step, train(config_->train, 0, end_step, 0));
  return dense_.back().second;
}

SpecIndex ChainSpecs::retrain(std::size_t round) {
  const RetrainPlan& plan = config_->retrain;
  const std::size_t phase = plan.own_data_order ? round + 1 : 0;
  if (retrain_.size() <= phase) retrain_.resize(phase + 1);
  if (!retrain_[phase]) {
    retrain_[phase] = train(*plan.recipe, plan.start_step, plan.recipe->steps, static_cast<std::int64_t>(phase));
  }
  return *retrain_[phase];
}

SpecIndex ChainSpecs::prune(std::size_t round) {
  if (prune_[round]) return *prune_[round];
  const PrunePlan& plan = *config_->prune;
  PruneSpec spec{config_->model, plan.criterion, plan.granularity, plan.rounds[round], {},
                 plan.batches,   plan.batch_size};
  if (plan.batches > 0) spec.dataset = config_->dataset;
  prune_[round] = table_.add(spec);
  return *prune_[round];
}

}  // namespace espalier
