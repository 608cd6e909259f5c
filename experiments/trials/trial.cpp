#include "experiments/trials/trial.h"

#include <fmt/format.h>

#include "base/grouped_digits.h"
#include "experiments/catalog/catalog.h"
#include "experiments/stages/stage_spec_json.h"
#include "experiments/trials/trial_key.h"

namespace espalier {
namespace {

void write_json(JsonWriter& out, const TrainRecipe& recipe) {
  out.begin_object();
  if (!recipe.augment.empty()) out.field("augment", recipe.augment);
  out.field("batch_size", recipe.batch_size);
  out.field("eval_every", recipe.eval_every);
  out.key("lr_schedule");
  write_json(out, recipe.lr_schedule);
  out.key("optimizer");
  write_json(out, recipe.optimizer);
  if (recipe.ranks != 1) out.field("ranks", recipe.ranks);
  out.field("steps", recipe.steps);
  out.end_object();
}

void write_json(JsonWriter& out, const SensitivityConfig& plan) {
  out.begin_object();
  out.field("batch_size", plan.batch_size);
  out.field("batches", plan.batches);
  if (plan.epoch != 1) out.field("epoch", plan.epoch);
  out.key("sparsities");
  out.begin_list();
  for (const double sparsity : plan.sparsities) {
    out.item();
    out.value(sparsity);
  }
  out.end_list();
  out.end_object();
}

void write_json(JsonWriter& out, const PruneConfig& prune, const std::string& method) {
  out.begin_object();
  out.field("allocation", prune.allocation);
  out.field("at_step", prune.at_step);
  out.field("batch_size", prune.batch_size);
  out.field("batches", prune.batches);
  out.field("criterion", prune.criterion);
  if (!prune.dialect.empty()) out.field("dialect", prune.dialect);
  if (prune.epoch != 1) out.field("epoch", prune.epoch);
  if (prune.gradual) {
    out.key("gradual");
    out.begin_object();
    out.field("every", prune.gradual->every);
    out.field("first_step", prune.gradual->first_step);
    out.end_object();
  }
  out.field("granularity", prune.granularity);
  out.field("method", method);
  if (!prune.norms.empty()) out.field("norms", prune.norms);
  if (!prune.options.empty()) {
    out.key("options");
    out.begin_object();
    for (const auto& [name, value] : prune.options) out.field(name, value);
    out.end_object();
  }
  if (!prune.protect.empty()) {
    out.key("protect");
    out.begin_list();
    for (const std::string& layer : prune.protect) {
      out.item();
      out.value(layer);
    }
    out.end_list();
  }
  if (!prune.ranking.empty()) out.field("ranking", prune.ranking);
  if (prune.refuse_empty) out.field("refuse_empty", true);
  if (prune.revive) out.field("revive", true);
  out.key("rounds");
  out.begin_list();
  for (const PruneTarget& target : prune.rounds) {
    out.item();
    write_json(out, target);
  }
  out.end_list();
  out.field("schedule", prune.schedule);
  if (prune.scored_granularity != prune.granularity) out.field("scored_granularity", prune.scored_granularity);
  if (prune.sensitivity && prune.allocation == "sensitivity") {  // otherwise it only measures
    out.key("sensitivity");
    write_json(out, *prune.sensitivity);
  }
  if (prune.shared_draw) out.field("shared_draw", true);
  if (prune.shuffle_epoch != 1) out.field("shuffle_epoch", prune.shuffle_epoch);
  out.field("sparsity_target", prune.sparsity_target);
  if (!prune.ties.empty()) out.field("ties", prune.ties);
  out.end_object();
}

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

void write_json(JsonWriter& out, const RetrainConfig& retrain) {
  out.begin_object();
  out.field("name", retrain.name);
  out.field("own_data_order", retrain.own_data_order);
  out.key("recipe");
  if (retrain.recipe) {
    write_json(out, *retrain.recipe);
  } else {
    out.null();
  }
  out.field("start_step", retrain.start_step);
  out.field("weights", to_string(retrain.weights));
  out.field("weights_step", retrain.weights_step);
  out.end_object();
}

}  // namespace

std::string later_rounds_score(const TrialConfig& config) {
  if (!config.prune || config.prune->rounds.size() < 2) return "";
  const auto later = static_cast<std::int64_t>(config.prune->rounds.size()) - 1;
  if (const std::optional<GradualConfig>& gradual = config.prune->gradual)
    return fmt::format("steps up to {}", grouped(gradual->first_step + later * gradual->every));
  const RetrainConfig& retrain = config.retrain;
  if (!retrain.recipe) {
    const bool repairs = find_criterion(config.prune->criterion).scores == CriterionScores::repairs_weights;
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
      break;
  }
  return "shuffle_sized";
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
    out.begin_object();
    out.key("dataset");
    write_json(out, trial.dataset);
    out.field("init", trial.init);
    out.key("model");
    write_json(out, trial.model);
    out.key("train");
    write_json(out, trial.train);
    out.end_object();
  });
}

Digest TrialKeys::retrain(const RetrainConfig& plan) {
  return digest([&](JsonWriter& out) { write_json(out, plan); });
}

Digest TrialKeys::config(const TrialConfig& trial, const Digest& network, const Digest& retrain) {
  return digest([&](JsonWriter& out) {
    out.begin_object();
    out.field("control", to_string(trial.control));
    out.field("network", to_hex(network));
    out.key("prune");
    if (trial.prune) {
      write_json(out, *trial.prune, trial.method);
    } else {
      out.null();
    }
    out.field("retrain", to_hex(retrain));
    out.field("variant", trial.variant);
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
