#include "experiments/graph/chain_specs.h"

#include <algorithm>
#include <utility>

#include "experiments/catalog/catalog.h"
#include "experiments/catalog/granularity.h"

namespace espalier {

namespace {

/// Whether rounds with equal counts draw alike; none: as all of the seed do.
bool draw_alike(const std::optional<MaskDraws>& a, const std::optional<MaskDraws>& b) {
  return a && b ? a->are_alike(*b) : !a && !b;
}

/// Whether a prune passes data through the network, to score what earlier ones left alone. What was removed and
/// competes again is scored as well.
bool scores_by_data(const PruneRule& rule) {
  return find_criterion(rule.criterion).needs != CriterionNeeds::needs_nothing && !rule.revive;
}

}  // namespace

void ChainSpecs::turn_to(const TrialConfig& config) {
  const TrialConfig* before = config_;
  config_ = &config;
  const std::optional<MaskDraws> draws_before = std::exchange(draws_, draws_of(config));
  keep_equal_prunes(before, draws_before);
  const bool same_model = before != nullptr && before->model == config.model;
  if (!same_model) counts_ = count_model(describe_model(config.model));
  const bool same_network =
      same_model && before->dataset == config.dataset && before->init == config.init && before->train == config.train;
  if (!same_network) forget_network();
  if (!same_network || before->retrain != config.retrain || before->compute != config.compute) retrain_.clear();
  if (!same_network || before->compute != config.compute) evaluate_pruned_.reset();
  if (!same_model || before->latency != config.latency) latency_.reset();
  shuffle_.reset();
  narrow_.reset();
  small_train_.reset();
  gradual_.reset();
  sensitivity_.reset();
  repair_.reset();
}

bool ChainSpecs::is_drawn() const {
  return find_criterion(config_->prune->criterion).scores == CriterionScores::draws_scores;
}

std::optional<MaskDraws> ChainSpecs::draws_of(const TrialConfig& config) const {
  if (!config.prune || config.prune->shared_draw || !(is_drawn() || is_shuffle(config.control))) return std::nullopt;
  return MaskDraws(config, prune_spec());
}

/// The operating points of one chain of rounds begin alike.
void ChainSpecs::keep_equal_prunes(const TrialConfig* before, const std::optional<MaskDraws>& draws_before) {
  const TrialConfig& config = *config_;
  std::size_t kept = 0;
  const bool comparable = before != nullptr && before->prune && config.prune && before->model == config.model &&
                          before->compute == config.compute && before->dataset == config.dataset &&
                          static_cast<const PruneRule&>(*before->prune) == static_cast<const PruneRule&>(*config.prune);
  if (comparable && (!is_drawn() || draw_alike(draws_before, draws_))) {
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
  evaluate_dense_.reset();
  dense_.clear();
}

SpecIndex ChainSpecs::init() {
  if (!init_) init_ = table_.add(InitSpec{config_->model, config_->init, "init"});
  return *init_;
}

std::string ChainSpecs::fresh_scheme() const {
  const bool kept = has(config_->init, InitProperty::of_script);  // there is no second draw of these weights
  return kept ? default_name(list_inits()) : config_->init;
}

SpecIndex ChainSpecs::reinit() {
  if (!reinit_) reinit_ = table_.add(InitSpec{config_->model, fresh_scheme(), "reinit"});
  return *reinit_;
}

SpecIndex ChainSpecs::shuffle() {
  const PruneConfig& prune = *config_->prune;
  if (!shuffle_) {
    const bool across_layers = config_->control != Control::shuffle;
    shuffle_ =
        table_.add(ShuffleSpec{config_->model, prune.named_granularity, across_layers, prune.protect,
                               prune.shuffle_epoch, config_->control == Control::shuffle_sized, draws_->of_shuffle()});
  }
  return *shuffle_;
}

SpecIndex ChainSpecs::repair() {
  if (!repair_) repair_ = table_.add(RepairSpec{*config_->prune->repair, config_->model, config_->dataset});
  return *repair_;
}

SpecIndex ChainSpecs::narrow() {
  const SmallDenseConfig& small = *config_->small_dense;
  if (!narrow_) {
    narrow_ = table_.add(NarrowSpec{config_->model, small.granularity, fresh_scheme(), small.align, small.protect});
  }
  return *narrow_;
}

SpecIndex ChainSpecs::small_train() {
  const TrainRecipe& recipe = config_->small_dense->recipe;
  if (!small_train_) {
    TrainSpec spec = train_spec(recipe, 0, recipe.steps, 0);
    spec.compute = config_->compute;
    small_train_ = table_.add_train(std::move(spec));
  }
  return *small_train_;
}

SpecIndex ChainSpecs::evaluate(bool pruned) {
  std::optional<SpecIndex>& spec = pruned ? evaluate_pruned_ : evaluate_dense_;
  if (!spec) spec = table_.add(EvaluateSpec{config_->model, config_->dataset, pruned ? config_->compute : ""});
  return *spec;
}

SpecIndex ChainSpecs::latency() {
  const LatencyConfig& asked = *config_->latency;
  if (!latency_)
    latency_ = table_.add(LatencySpec{config_->model, asked.batch_sizes, asked.threads, asked.time_limit_s,
                                      asked.device});
  return *latency_;
}

TrainSpec ChainSpecs::train_spec(const TrainRecipe& recipe, std::int64_t start_step, std::int64_t end_step,
                                 std::int64_t phase) const {
  return {config_->model,     config_->dataset,  recipe.optimizer,
          recipe.lr_schedule, recipe.batch_size, start_step,
          end_step,           recipe.eval_every, phase,
          recipe.augment,     std::nullopt,      recipe.ranks};
}

SpecIndex ChainSpecs::dense_train(std::int64_t end_step) {
  for (const auto& [step, spec] : dense_) {
    if (step == end_step) return spec;
  }
  dense_.emplace_back(end_step, table_.add_train(train_spec(config_->train, 0, end_step, 0)));
  return dense_.back().second;
}

SpecIndex ChainSpecs::retrain(std::size_t round) {
  const RetrainConfig& retrain = config_->retrain;
  const std::size_t phase = retrain.own_data_order ? round + 1 : 0;
  if (retrain_.size() <= phase) retrain_.resize(phase + 1);
  if (!retrain_[phase]) {
    TrainSpec spec =
        train_spec(*retrain.recipe, retrain.start_step, retrain.recipe->steps, static_cast<std::int64_t>(phase));
    spec.compute = config_->compute;
    retrain_[phase] = table_.add_train(std::move(spec));
  }
  return *retrain_[phase];
}

PruneSpec ChainSpecs::prune_spec() const {
  const PruneConfig& prune = *config_->prune;
  PruneSpec spec;
  static_cast<PruneRule&>(spec) = prune;
  spec.model = config_->model;
  if (prune.batches > 0) spec.dataset = config_->dataset;
  return spec;
}

SpecIndex ChainSpecs::prune(std::size_t round) {
  if (prune_[round]) return *prune_[round];
  PruneSpec spec = prune_spec();
  spec.target = config_->prune->rounds[round];
  if (is_drawn()) spec.draw = draws_ ? draws_->of_round(round) : kSharedDraw;
  if (round > 0 && scores_by_data(*config_->prune)) spec.compute = config_->compute;
  prune_[round] = table_.add(spec);
  return *prune_[round];
}

SpecIndex ChainSpecs::sensitivity() {
  if (sensitivity_) return *sensitivity_;
  const SensitivityConfig& curves = *config_->prune->sensitivity;
  SensitivitySpec spec{prune_spec(), curves.sparsities};
  spec.prune.dataset = config_->dataset;
  spec.prune.batches = curves.batches;
  spec.prune.batch_size = curves.batch_size;
  spec.prune.ranking.clear();  // a scope is ranked within itself
  const Granularity::Kind kind = parse_granularity(config_->prune->named_granularity).kind;
  if (kind == Granularity::Kind::row || kind == Granularity::Kind::filter)
    spec.prune.granularity = config_->prune->named_granularity;  // by either reduction alike
  spec.prune.ties.clear();
  spec.prune.refuse_empty = false;
  spec.prune.epoch = curves.epoch;
  if (is_drawn()) spec.prune.draw = draws_ ? draws_->of_curves() : kSharedDraw;
  sensitivity_ = table_.add(spec);
  return *sensitivity_;
}

SpecIndex ChainSpecs::gradual_train() {
  if (gradual_) return *gradual_;
  const PruneConfig& prune = *config_->prune;
  TrainSpec spec = train_spec(config_->train, 0, config_->train.steps, 0);
  spec.gradual = GradualSpec{prune_spec(), prune.gradual->first_step, prune.gradual->every, prune.rounds};
  if (is_drawn()) spec.gradual->prune.draw = draws_ ? draws_->of_all_rounds() : kSharedDraw;
  gradual_ = table_.add_train(std::move(spec));
  return *gradual_;
}

}  // namespace espalier
