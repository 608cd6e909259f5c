#include "experiments/expand_trials.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "experiments/catalog.h"
#include "experiments/expand/combinations.h"
#include "experiments/expand/dense_network.h"
#include "experiments/expand/retrain_plan.h"
#include "experiments/expand/train_recipe.h"
#include "experiments/trial_key.h"

namespace espalier {
namespace {

constexpr std::size_t kMostTrials = 1'000'000;

// One pass over the combinations. What combinations share (datasets, recipes, retrain plans, exact counts) is worked
// out once and kept with the dense network it belongs to; configurations are told apart by their digest.
class Expander {
 public:
  Expander(const SweepSpec& spec, const DatasetResolver& resolve, const ScriptResolver& scripts)
      : spec_(spec), networks_(spec, resolve, scripts, problems_) {}

  Expansion run() {
    Combinations combinations(spec_);
    if (!combinations.count(kMostTrials))
      problems_.add(spec_.place, "has more than a million combinations; use fewer values");
    const Combination* combination = problems_.empty() ? combinations.next() : nullptr;
    if (combination == nullptr && problems_.empty())
      problems_.add(spec_.place, "when and exclude leave no combination");
    for (; combination != nullptr && !full_; combination = combinations.next()) add_combination(*combination);
    if (full_) problems_.add(spec_.place, "has more than a million trials; use fewer values or seeds");
    if (!problems_.empty()) return {{}, problems_.list()};
    return {std::move(trials_), {}};
  }

 private:
  /// Digests of what a configuration shares with others.
  struct Parts {
    Digest network;
    Digest retrain;
  };

  void add_combination(const Combination& combination) {
    DenseNetwork* network = networks_.find(combination);
    if (network == nullptr) return;
    if (spec_.dense && network != last_network_) {
      add_trials(TrialConfig(network->config), {network->digest, keys_.retrain(network->config.retrain)});
    }
    last_network_ = network;
    if (spec_.prune) add_pruned(combination, *network);
  }

  void add_pruned(const Combination& combination, DenseNetwork& network) {
    const PruneKeys& keys = *spec_.prune;
    const std::optional<DenseNetwork::Retrain>& retrain = retrain_of(combination, network);
    const std::vector<OperatingPoint>& points = points_of(combination, network);
    if (!retrain || points.empty()) return;
    TrialConfig config = network.config;
    config.retrain = retrain->plan;
    config.variant = variant_of(spec_, combination, false);
    PrunePlan& prune = config.prune.emplace();
    prune.criterion = keys.criterion.given() ? keys.criterion.at(combination) : keys.method.at(combination);
    prune.method = keys.method.given() ? keys.method.at(combination) : prune.criterion;
    prune.granularity = keys.granularity.pick(combination).value_or("weight");
    prune.allocation = keys.allocation.given() ? keys.allocation.at(combination).name : "global";
    prune.schedule = keys.schedule.given() ? keys.schedule.at(combination).name : "one_shot";
    if (!set_moment(combination, config) || !set_data(combination, config)) return;
    add_with_controls(config, points, {network.digest, retrain->digest});
  }

  const std::optional<DenseNetwork::Retrain>& retrain_of(const Combination& combination, DenseNetwork& network) {
    const bool given = spec_.retrain.given();
    const auto [found, is_new] = network.retrains.try_emplace(given ? spec_.retrain.index(combination) : 0);
    if (is_new) {
      const RetrainSetting setting = given ? spec_.retrain.at(combination) : RetrainSetting{};
      const auto plan = make_retrain_plan(setting, network, problems_);
      if (plan) found->second = {*plan, keys_.retrain(*plan)};
      refuse_impossible_control(setting);
    }
    return found->second;
  }

  /// A network that is not retrained has no reinit control; a sweep in which none can have one is mistaken.
  void refuse_impossible_control(const RetrainSetting& setting) {
    using Form = RetrainSetting::Form;
    if (setting.form != Form::none || !wants(Control::reinit)) return;
    const auto can_have_it = [](const RetrainSetting& one) {
      return one.form != Form::none && one.form != Form::reinit;
    };
    if (std::ranges::any_of(spec_.retrain.values, can_have_it)) return;
    problems_.add(spec_.controls_place,
                  "reinit trains new weights, but with retrain: none nothing is trained; drop one of them");
  }

  const std::vector<OperatingPoint>& points_of(const Combination& combination, DenseNetwork& network) {
    const PruneKeys& keys = *spec_.prune;
    const auto index = [&](const auto& choices) { return choices.given() ? choices.index(combination) : 0; };
    const auto [found, is_new] =
        network.points.try_emplace({index(keys.sparsity), index(keys.allocation), index(keys.schedule)});
    if (is_new) {
      const auto allocation = keys.allocation.pick(combination).value_or(AllocationSetting{"global", {}});
      const auto one_shot = ScheduleSetting{"one_shot", 1, 0, {}, spec_.prune_place};
      found->second =
          make_operating_points(network.layers, keys.sparsity.pick(combination), allocation,
                                keys.schedule.pick(combination).value_or(one_shot), spec_.sparsity_place, problems_);
    }
    return found->second;
  }

  bool set_moment(const Combination& combination, TrialConfig& config) {
    PrunePlan& prune = *config.prune;
    prune.at_step = config.train.steps;
    if (!spec_.prune->at.given() || spec_.prune->at.at(combination).trained) return true;
    const Length& length = spec_.prune->at.at(combination).length;
    prune.at_step = length.in_steps(steps_per_epoch(config.dataset.train, config.train.batch_size));
    if (prune.at_step <= config.train.steps) return true;
    problems_.add(length.place, fmt::format("is step {} of a training of {} steps", prune.at_step, config.train.steps));
    return false;
  }

  bool set_data(const Combination& combination, TrialConfig& config) {
    PrunePlan& prune = *config.prune;
    if (find_criterion(prune.criterion).needs == CriterionNeeds::needs_nothing) return true;
    prune.batches = spec_.prune->batches.given() ? spec_.prune->batches.at(combination) : 1;
    prune.batch_size =
        spec_.prune->batch_size.given() ? spec_.prune->batch_size.at(combination) : config.train.batch_size;
    if (prune.batches * prune.batch_size <= config.dataset.train) return true;
    problems_.add(spec_.prune_place, fmt::format("{} batches of {} are more than the {} training examples",
                                                 prune.batches, prune.batch_size, config.dataset.train));
    return false;
  }

  bool wants(Control control) const { return std::ranges::find(spec_.controls, control) != spec_.controls.end(); }

  /// The points of one control follow each other, so that a chain of rounds is built round by round.
  void add_with_controls(const TrialConfig& method, const std::vector<OperatingPoint>& points, const Parts& parts) {
    const bool is_random = method.prune->criterion == "random";
    const bool can_reinit = method.retrain.recipe && method.retrain.weights != RetrainPlan::Weights::fresh;
    if (!is_random) add_points(method, points, parts);
    if (is_random || wants(Control::random)) {
      TrialConfig twin = method;
      twin.control = Control::random;
      twin.prune->method = twin.prune->criterion = "random";
      twin.prune->batches = twin.prune->batch_size = 0;
      add_points(twin, points, parts);
    }
    for (const Control control : {Control::shuffle, Control::reinit}) {
      if (is_random || !wants(control) || (control == Control::reinit && !can_reinit)) continue;
      TrialConfig twin = method;
      twin.control = control;
      add_points(twin, points, parts);
    }
  }

  void add_points(const TrialConfig& config, const std::vector<OperatingPoint>& points, const Parts& parts) {
    for (const OperatingPoint& point : points) {
      TrialConfig at_point = config;
      at_point.prune->sparsity_target = point.sparsity_target;
      at_point.prune->rounds = point.rounds;
      add_trials(std::move(at_point), parts);
    }
  }

  void add_trials(TrialConfig&& config, const Parts& parts) {
    const Digest digest = keys_.config(config, parts.network, parts.retrain);
    if (!seen_.insert(StageKey{digest}).second) return;
    full_ = full_ || trials_.size() + spec_.seeds.size() > kMostTrials;
    if (full_) return;
    const auto shared = std::make_shared<const TrialConfig>(std::move(config));  // by the seeds of the configuration
    for (const std::uint64_t seed : spec_.seeds) trials_.push_back({keys_.key(digest, seed), seed, shared});
  }

  const SweepSpec& spec_;
  Problems problems_;
  DenseNetworks networks_;
  TrialKeys keys_;
  const DenseNetwork* last_network_ = nullptr;
  std::unordered_set<StageKey> seen_;
  std::vector<Trial> trials_;
  bool full_ = false;
};

}  // namespace

Expansion expand_trials(const SweepSpec& spec, const DatasetResolver& resolve, const ScriptResolver& scripts) {
  return Expander(spec, resolve, scripts).run();
}

}  // namespace espalier
