#include "experiments/expand/expand_trials.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"
#include "experiments/expand/combinations.h"
#include "experiments/expand/control_checks.h"
#include "experiments/expand/dense_config.h"
#include "experiments/expand/effective_madds.h"
#include "experiments/expand/prune_points.h"
#include "experiments/expand/pruned_choices.h"
#include "experiments/expand/retrain_config.h"
#include "experiments/expand/small_dense.h"
#include "experiments/expand/train_recipe.h"
#include "experiments/pruning/allocations/allocations.h"
#include "experiments/pruning/dialects/dialects.h"
#include "experiments/pruning/model_epoch.h"
#include "experiments/stages/case_epoch.h"
#include "experiments/trials/trial_key.h"

namespace espalier {
namespace {

constexpr std::size_t kMostTrials = 1'000'000;

// One pass over the combinations. What combinations share (datasets, recipes, retrainings, exact counts) is worked
// out once and kept with the dense network it belongs to; configurations are distinguished by their digest.
class Expander {
 public:
  Expander(const SweepSpec& spec, const DatasetResolver& resolve, const ModelFileResolver& files)
      : spec_(spec), networks_(spec, resolve, files, problems_), checks_(spec, problems_) {}

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
    return {std::move(trials_), {}, problems_.warnings()};
  }

 private:
  /// Digests of what a configuration shares with others.
  struct Parts {
    Digest network;
    Digest retrain;
  };

  void add_combination(const Combination& combination) {
    DenseConfig* network = networks_.find(combination);
    if (network == nullptr) return;
    if (spec_.dense && network != last_network_) {
      add_trials(TrialConfig(network->config), {network->digest, keys_.retrain(network->config.retrain)});
    }
    last_network_ = network;
    if (spec_.prune) add_pruned(combination, *network);
  }

  void add_pruned(const Combination& combination, DenseConfig& network) {
    const PruneKeys& keys = *spec_.prune;
    const std::optional<DenseConfig::Retrain>& retrain = retrain_of(combination, network);
    const PruneSetting setting = pick_prune_setting(keys, combination, spec_.prune_place);
    const PrunePoints& points = points_of(combination, setting, network);
    if (!retrain || points.points.empty()) return;
    TrialConfig config = network.config;
    config.retrain = retrain->config;
    config.variant = variant_of(spec_, combination, false);
    PruneConfig& prune = config.prune.emplace();
    prune.criterion = setting.criterion.name;
    config.method = keys.method.given() ? keys.method.at(combination).name : prune.criterion;
    prune.named_granularity = to_string(setting.granularity);
    prune.granularity = to_string(points.granularity);
    prune.allocation = setting.allocation.name;
    prune.schedule = setting.schedule.name;
    if (setting.schedule.rate > 0) prune.rate = setting.schedule.rate;
    prune.dialect = setting.dialect_name;
    prune.gradual = points.gradual;
    prune.options = setting.criterion.options;
    prune.protect = points.protect;
    prune.refuse_empty = keys.refuse_empty;
    set_ranking(setting, prune);
    if (!set_sensitivity(setting, points, config)) return;
    if (!set_moment(combination, points, config) || !set_data(combination, network, config)) return;
    if (!set_choices(combination, setting.granularity, network.has_batch_norm, config)) return;
    config.latency = spec_.latency;
    prune.epoch = network.masks_epoch;  // and the criterion's, which controls have another of
    const Parts parts{network.digest, retrain->digest};
    add_with_controls(config, points, parts, *retrain);
    if (!checks_.wants(Control::small_dense)) return;
    config.compute = spec_.compute.pick(combination) == "masked" ? "" : kShrunk;
    add_small_dense(config, setting, points, parts, *retrain);
  }

  /// Curves are measured where they can be: not for n:m, repaired weights or schedules inside a training.
  bool set_sensitivity(const PruneSetting& setting, const PrunePoints& points, TrialConfig& config) {
    const std::optional<SensitivitySetting>& asked = spec_.prune->sensitivity;
    const bool can_be = setting.granularity.kind != Granularity::Kind::n_of_m && !setting.schedule.gradual &&
                        find_criterion(setting.criterion.name).scores != CriterionScores::repairs_weights;
    if (!asked || !can_be) return true;
    PruneConfig& prune = *config.prune;
    SensitivityConfig curves{asked->sparsities, asked->batches,
                             asked->batch_size > 0 ? asked->batch_size : config.train.batch_size,
                             sensitivity_epoch(points.scopes, asked->sparsities)};
    const std::int64_t examples = curves.batches * curves.batch_size;
    prune.sensitivity = std::move(curves);
    if (examples <= config.dataset.train) return true;
    problems_.add(
        spec_.prune->sensitivity_place,
        fmt::format("measures on {} examples, more than the {} training examples", examples, config.dataset.train));
    return false;
  }

  /// How the pruned network is computed, and what is repaired.
  bool set_choices(const Combination& combination, const Granularity& granularity, bool has_batch_norm,
                   TrialConfig& config) {
    const auto compute = choose_compute(spec_.compute.pick(combination).value_or("auto"), granularity, config);
    const auto repair = choose_repair(spec_.prune->repair.pick(combination).value_or(RepairSetting{}), granularity,
                                      has_batch_norm, config);
    config.compute = compute.choice;
    config.prune->repair = repair.choice;
    if (!compute.problem.empty()) problems_.add(spec_.compute_place, compute.problem);
    if (!repair.problem.empty()) problems_.add(spec_.prune->repair_place, repair.problem);
    return compute.problem.empty() && repair.problem.empty();
  }

  static void set_ranking(const PruneSetting& setting, PruneConfig& prune) {
    if (setting.allocation.name != "table") prune.ranking = find_allocation(setting.allocation.name).ranking;
    if (!setting.dialect) return;
    prune.ties = setting.dialect->ties;
    prune.revive = setting.dialect->revive;
    if (ranks_scores_as_they_are(setting.allocation)) prune.ranking = setting.dialect->global_ranking;
  }

  const std::optional<DenseConfig::Retrain>& retrain_of(const Combination& combination, DenseConfig& network) {
    const bool given = spec_.retrain.given();
    const auto [found, is_new] = network.retrains.try_emplace(given ? spec_.retrain.index(combination) : 0);
    if (is_new) {
      const RetrainSetting setting = given ? spec_.retrain.at(combination) : RetrainSetting{};
      const auto made = make_retrain_config(setting, network, problems_);
      const bool same_compute = setting.form == RetrainSetting::Form::scratch_b;
      if (made) found->second = {*made, keys_.retrain(*made), same_compute, setting.place};
      checks_.check_retraining(setting);
    }
    return found->second;
  }

  const PrunePoints& points_of(const Combination& combination, const PruneSetting& setting, DenseConfig& network) {
    const PruneKeys& keys = *spec_.prune;
    const auto index = [&](const auto& choices) { return choices.given() ? choices.index(combination) : 0; };
    const auto [found, is_new] = network.points.try_emplace(
        {index(keys.method), index(keys.criterion), index(keys.granularity), index(keys.sparsity),
         index(keys.allocation), index(keys.schedule), index(keys.dialect), index(keys.min_kept), index(keys.max_kept),
         index(keys.ratios), index(keys.align)});
    if (is_new) found->second = make_prune_points(setting, network, spec_, problems_);
    return found->second;
  }

  bool set_moment(const Combination& combination, const PrunePoints& points, TrialConfig& config) {
    PruneConfig& prune = *config.prune;
    prune.at_step = points.gradual ? points.gradual_start : config.train.steps;
    if (points.gradual) return true;
    if (!spec_.prune->at.given() || spec_.prune->at.at(combination).trained) return true;
    const Length& length = spec_.prune->at.at(combination).length;
    prune.at_step = length.in_steps(steps_per_epoch(config.dataset.train, config.train.batch_size));
    if (prune.at_step <= config.train.steps) return true;
    problems_.add(length.place, fmt::format("is step {} of a training of {} steps", prune.at_step, config.train.steps));
    return false;
  }

  bool set_data(const Combination& combination, const DenseConfig& network, TrialConfig& config) {
    PruneConfig& prune = *config.prune;
    if (find_criterion(prune.criterion).needs == CriterionNeeds::needs_nothing) return true;
    prune.batches = spec_.prune->batches.given() ? spec_.prune->batches.at(combination) : 1;
    prune.batch_size =
        spec_.prune->batch_size.given() ? spec_.prune->batch_size.at(combination) : config.train.batch_size;
    if (!set_norms(combination, network, prune)) return false;
    if (prune.batches * prune.batch_size <= config.dataset.train) return true;
    problems_.add(spec_.prune_place, fmt::format("{} batches of {} are more than the {} training examples",
                                                 prune.batches, prune.batch_size, config.dataset.train));
    return false;
  }

  /// For a criterion that uses data: whether batch norms normalize by it, if the network has any.
  bool set_norms(const Combination& combination, const DenseConfig& network, PruneConfig& prune) {
    if (spec_.prune->norms.pick(combination).value_or("running") == "running") return true;
    const auto refuse = [&](const std::string& why) {
      problems_.add(spec_.prune->norms_place, why);
      return false;
    };
    if (network.config.model.file && !network.config.model.file->is_graph) {
      return refuse("batch is not known of TorchScript modules, whose norms and dropouts have one mode; use running");
    }
    if (!network.has_batch_norm) return true;
    if (find_criterion(prune.criterion).needs == CriterionNeeds::needs_example_gradients) {
      return refuse(fmt::format("batch does not fit criterion {}, which looks at each example by itself; use running",
                                prune.criterion));
    }
    prune.norms = "batch";
    return true;
  }

  /// The points of one control follow each other, so that a chain of rounds is built round by round.
  void add_with_controls(const TrialConfig& method, const PrunePoints& points, const Parts& parts,
                         const DenseConfig::Retrain& retrain) {
    const bool is_random = method.prune->criterion == "random";
    const bool can_reinit = method.retrain.recipe && method.retrain.weights != RetrainConfig::Weights::fresh;
    checks_.check_shuffles(parse_granularity(method.prune->named_granularity));
    const auto add = [&](const TrialConfig& config, const std::vector<OperatingPoint>& at) {
      add_points(config, at, parts, retrain, points.scopes);
    };
    if (!is_random) add(method, points.points);
    if (is_random || checks_.wants(Control::random)) {
      TrialConfig twin = randomised(method, points);
      twin.control = Control::random;
      twin.method = "random";
      add(twin, points.points);
    }
    for (const Control control :
         {Control::shuffle, Control::reinit, Control::shuffle_network, Control::shuffle_sized}) {
      if (is_random || !checks_.wants(control) || (control == Control::reinit && !can_reinit)) continue;
      TrialConfig twin = method;
      twin.control = control;
      // What the criterion cannot score stays dense, so it is no place for what it removes.
      if (control == Control::shuffle_network || control == Control::shuffle_sized)
        twin.prune->protect = points.random_protect;
      add(twin, points.points);
    }
    if (!checks_.wants(Control::erk_random)) return;
    TrialConfig twin = randomised(method, points);  // of the same cell, so its allocation is still called the method's
    twin.control = Control::erk_random;
    twin.method = "erk_random";
    twin.prune->ranking.clear();
    twin.prune->sensitivity.reset();
    add(twin, points.by_erk);
  }

  /// Whatever the method removes, and when: whole units leave the control.
  void add_small_dense(TrialConfig& twin, const PruneSetting& setting, const PrunePoints& points, const Parts& parts,
                       const DenseConfig::Retrain& retrain) {
    if (twin.prune->criterion == "random" || warned_small_dense_) return;
    twin.control = Control::small_dense;
    twin.small_dense = make_small_dense(setting, points, twin.model, spec_.controls_place, problems_);
    warned_small_dense_ = !twin.small_dense;
    if (twin.small_dense) add_points(twin, points.points, parts, retrain, points.scopes);
  }

  TrialConfig randomised(TrialConfig twin, const PrunePoints& points) const {
    PruneConfig& prune = *twin.prune;
    prune.criterion = "random";
    prune.shared_draw = spec_.shares_random;
    prune.granularity = prune.named_granularity;  // a unit draws one number
    prune.batches = prune.batch_size = 0;
    prune.options.clear();
    prune.norms.clear();
    prune.protect = points.random_protect;
    if (!prune.dialect.empty()) prune.ties = find_dialect(prune.dialect, prune.criterion).ties;
    if (!has(prune.allocation, AllocationProperty::by_curves)) prune.sensitivity.reset();
    return twin;
  }

  void add_points(const TrialConfig& config, const std::vector<OperatingPoint>& points, Parts parts,
                  const DenseConfig::Retrain& retrain, const std::vector<PruneScope>& scopes) {
    for (const OperatingPoint& point : points) {
      TrialConfig at_point = config;
      at_point.prune->sparsity_target = point.sparsity_target;
      at_point.prune->rounds = point.rounds;
      set_peer_density(*at_point.prune);
      set_epochs(at_point);
      if (retrain.same_compute) {
        if (!stretch(at_point, retrain, scopes)) return;
        parts.retrain = keys_.retrain(at_point.retrain);
      }
      if (at_point.small_dense) at_point.small_dense->recipe = small_dense_recipe(at_point);
      add_trials(std::move(at_point), parts);
    }
  }

  static void set_epochs(TrialConfig& config) {
    PruneConfig& prune = *config.prune;
    if (is_shuffle(config.control)) prune.shuffle_epoch = kShuffleEpoch;
    const std::int64_t of_criterion = find_criterion(prune.criterion).epoch;
    prune.epoch = std::max(prune.epoch, of_criterion);
    if (prune.sensitivity) prune.sensitivity->epoch = std::max(prune.sensitivity->epoch, of_criterion);
  }

  static void set_peer_density(PruneConfig& prune) {
    if (prune.dialect.empty() || !has(prune.schedule, ScheduleProperty::one_round)) return;
    const Dialect dialect = find_dialect(prune.dialect, prune.criterion);
    if (!dialect.density_option.empty()) prune.options[std::string(dialect.density_option)] = 1 - prune.sparsity_target;
  }

  /// As many steps more as the pruned network has fewer multiply-adds, at most twice: Liu et al. 2019,
  /// arXiv:1810.05270, "Scratch-B".
  bool stretch(TrialConfig& config, const DenseConfig::Retrain& retrain, const std::vector<PruneScope>& scopes) {
    constexpr double kMost = 2;
    const ModelDescription model = describe_model(config.model);
    const auto left = effective_madds(config.prune->rounds.back(), scopes, prunable_layers(model));
    if (!left) {
      problems_.add(retrain.place,
                    "scratch_b trains longer by the multiply-adds that pruning saves, which allocation " +
                        config.prune->allocation + " and granularity " + config.prune->named_granularity +
                        " do not tell before scores are known; use uniform, erk, per_row or a table, or scratch_e");
      return false;
    }
    const double saved = static_cast<double>(count_model(model).madds) / std::max(*left, 1.0);
    config.retrain.recipe = stretched(*retrain.config.recipe, std::clamp(saved, 1.0, kMost));
    return true;
  }

  void add_trials(TrialConfig&& config, const Parts& parts) {
    const Digest digest = keys_.config(config, parts.network, parts.retrain);
    if (!seen_.insert(StageKey{digest}).second) return;
    refuse_equal_columns(config, parts);
    full_ = full_ || trials_.size() + spec_.seeds.size() > kMostTrials;
    if (full_) return;
    const auto shared = std::make_shared<const TrialConfig>(std::move(config));  // by the seeds of the configuration
    for (const std::uint64_t seed : spec_.seeds) trials_.push_back({keys_.key(digest, seed), seed, shared});
  }

  /// Two trials that differ in no column of the results could not be distinguished, nor compared.
  void refuse_equal_columns(const TrialConfig& config, const Parts& parts) {
    if (!config.prune) return;
    const PruneConfig& prune = *config.prune;
    const std::string columns =
        fmt::format("{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}", to_hex(parts.network), config.retrain.name,
                    to_string(config.control), config.method, prune.criterion, prune.named_granularity,
                    prune.allocation, prune.schedule, prune.rounds.size(), prune.sparsity_target, config.variant);
    const bool is_new = columns_.insert(fmt::format("{}/{}/{}", columns, prune.at_step, prune.rate.value_or(0))).second;
    if (is_new || warned_columns_) return;
    warned_columns_ = true;
    problems_.add(
        spec_.prune_place,
        fmt::format("two methods need different {} trials (they leave other layers alone, or count otherwise), "
                    "which one table could not tell apart; protect the same layers, or use a sweep for each",
                    config.method));
  }

  const SweepSpec& spec_;
  Problems problems_;
  DenseConfigs networks_;
  ControlChecks checks_;
  TrialKeys keys_;
  const DenseConfig* last_network_ = nullptr;
  std::unordered_set<StageKey> seen_;
  std::unordered_set<std::string> columns_;
  bool warned_columns_ = false;
  bool warned_small_dense_ = false;
  std::vector<Trial> trials_;
  bool full_ = false;
};

}  // namespace

std::string model_file_name(const std::string& format, const std::string& content) {
  constexpr std::size_t kDigits = 12;  // enough to distinguish files; the path is not part of a model's identity
  return format + "-" + content.substr(0, kDigits);
}

Expansion expand_trials(const SweepSpec& spec, const DatasetResolver& resolve, const ModelFileResolver& files) {
  return Expander(spec, resolve, files).run();
}

}  // namespace espalier
