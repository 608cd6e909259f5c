#include "experiments/trials/trial.h"

#include <fmt/format.h>

#include "base/grouped_digits.h"
#include "experiments/catalog/catalog.h"
#include "experiments/formats/json_field_writer.h"
#include "experiments/stages/stage_fields.h"
#include "experiments/trials/trial_key.h"

namespace espalier {
namespace {

std::string_view to_string(RetrainConfig::Weights weights) {
  switch (weights) {
    case RetrainConfig::Weights::pruned:
      return "pruned";
    case RetrainConfig::Weights::step:
      return "step";
    case RetrainConfig::Weights::fresh:
      break;
  }
  return "fresh";
}

}  // namespace

// The fields of a configuration (formats/fields.h), which are only written: in its key.

void visit_fields(auto& visit, const TrainRecipe& recipe) {
  visit.added("augment", recipe.augment);
  visit.field("batch_size", recipe.batch_size);
  visit.field("eval_every", recipe.eval_every);
  visit.field("lr_schedule", recipe.lr_schedule);
  visit.field("optimizer", recipe.optimizer);
  visit.added("ranks", recipe.ranks, 1);
  visit.field("steps", recipe.steps);
}

void visit_fields(auto& visit, const GradualConfig& gradual) {
  visit.field("every", gradual.every);
  visit.field("first_step", gradual.first_step);
}

void visit_fields(auto& visit, const SensitivityConfig& sensitivity) {
  visit.field("batch_size", sensitivity.batch_size);
  visit.field("batches", sensitivity.batches);
  visit.added("epoch", sensitivity.epoch, 1);
  visit.field("sparsities", sensitivity.sparsities);
}

void visit_fields(auto& visit, const RepairRule& repair) {
  visit.field("batch_size", repair.batch_size);
  visit.field("batches", repair.batches);
  visit.added("bn_stats", repair.bn_stats);
  visit.added("damping", repair.damping);
  visit.added("refit", repair.refit);
}

namespace {

/// What a trial removes, by the name that its user gave it.
struct MethodConfig {
  const PruneConfig& prune;
  const std::string& method;
};

void visit_fields(auto& visit, const MethodConfig& config) {
  const PruneConfig& prune = config.prune;
  visit.field("allocation", prune.allocation);
  visit.field("at_step", prune.at_step);
  visit.field("batch_size", prune.batch_size);
  visit.field("batches", prune.batches);
  visit.field("criterion", prune.criterion);
  visit.added("dialect", prune.dialect);
  visit.added("epoch", prune.epoch, 1);
  visit.added("gradual", prune.gradual);
  visit.field("granularity", prune.named_granularity);
  visit.field("method", config.method);
  visit.added("norms", prune.norms);
  visit.added("options", prune.options);
  visit.added("protect", prune.protect);
  visit.added("ranking", prune.ranking);
  visit.added("refuse_empty", prune.refuse_empty);
  visit.added("repair", prune.repair);
  visit.added("revive", prune.revive);
  visit.field("rounds", prune.rounds);
  visit.field("schedule", prune.schedule);
  visit.added("scored_granularity", prune.granularity, prune.named_granularity);
  if (has(prune.allocation, AllocationProperty::by_curves))
    visit.added("sensitivity", prune.sensitivity);  // otherwise it only measures
  visit.added("shared_draw", prune.shared_draw);
  visit.added("shuffle_epoch", prune.shuffle_epoch, 1);
  visit.field("sparsity_target", prune.sparsity_target);
  visit.added("ties", prune.ties);
}

}  // namespace

void visit_fields(auto& visit, const RetrainConfig& retrain) {
  visit.field("name", retrain.name);
  visit.field("own_data_order", retrain.own_data_order);
  visit.nullable("recipe", retrain.recipe);
  visit.field("start_step", retrain.start_step);
  visit.field("weights", to_string(retrain.weights));
  visit.field("weights_step", retrain.weights_step);
}

void visit_fields(auto& visit, const SmallDenseConfig& small) {
  visit.added("align", small.align, 1);
  visit.field("granularity", small.granularity);
  visit.added("protect", small.protect);
  visit.field("recipe", small.recipe);
}

std::string later_rounds_score(const TrialConfig& config) {
  if (!config.prune || config.prune->rounds.size() < 2) return "";
  const auto later = static_cast<std::int64_t>(config.prune->rounds.size()) - 1;
  if (const std::optional<GradualConfig>& gradual = config.prune->gradual)
    return fmt::format("steps up to {}", grouped(gradual->first_step + later * gradual->every));
  const RetrainConfig& retrain = config.retrain;
  if (!retrain.recipe) {
    const bool repairs =
        config.prune->repair || find_criterion(config.prune->criterion).scores == CriterionScores::repairs_weights;
    return repairs ? "repaired weights" : "";
  }
  const bool repeats_the_training =
      retrain.weights == RetrainConfig::Weights::step && retrain.weights_step == retrain.start_step;
  if (repeats_the_training) return fmt::format("step {}", grouped(retrain.recipe->steps));
  return fmt::format("networks retrained for {} steps", grouped(retrain.recipe->steps - retrain.start_step));
}

std::string_view to_string(Control control) {
  switch (control) {
    case Control::none:
      return "none";
    case Control::random:
      return "random";
    case Control::shuffle:
      return "shuffle";
    case Control::reinit:
      return "reinit";
    case Control::erk_random:
      return "erk_random";
    case Control::shuffle_network:
      return "shuffle_network";
    case Control::shuffle_sized:
      return "shuffle_sized";
    case Control::small_dense:
      break;
  }
  return "small_dense";
}

bool is_shuffle(Control control) {
  return control == Control::shuffle || control == Control::shuffle_network || control == Control::shuffle_sized;
}

template <typename Write>
Digest TrialKeys::digest(Write&& write) {
  buffer_.clear();
  JsonWriter out(buffer_);
  write(out);
  return sha256(buffer_);
}

Digest TrialKeys::network(const TrialConfig& trial) {
  return digest([&](JsonWriter& out) {
    JsonFieldWriter fields(out);
    out.begin_object();
    fields.field("dataset", trial.dataset);
    fields.field("init", trial.init);
    fields.field("model", trial.model);
    fields.field("train", trial.train);
    out.end_object();
  });
}

Digest TrialKeys::retrain(const RetrainConfig& retrain) {
  return digest([&](JsonWriter& out) { JsonFieldWriter(out).write(retrain); });
}

Digest TrialKeys::config(const TrialConfig& trial, const Digest& network, const Digest& retrain) {
  return digest([&](JsonWriter& out) {
    std::optional<MethodConfig> method;
    if (trial.prune) method.emplace(*trial.prune, trial.method);
    JsonFieldWriter fields(out);
    out.begin_object();
    fields.added("compute", trial.compute);
    fields.field("control", to_string(trial.control));
    fields.field("network", to_hex(network));
    fields.nullable("prune", method);
    fields.field("retrain", to_hex(retrain));
    fields.added("small_dense", trial.small_dense);
    fields.field("variant", trial.variant);
    out.end_object();
  });
}

StageKey TrialKeys::key(const Digest& trial, std::uint64_t seed) {
  return {digest([&](JsonWriter& out) {
    out.begin_object();
    out.field("config", to_hex(trial));
    out.field("seed", seed);
    out.end_object();
  })};
}

}  // namespace espalier
