#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/stages/stage.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

/// Why a trial exists: to be compared (none) or to be compared with.
/// A trial whose criterion is `random` is the random control itself, whether requested as a method or as a control.
/// erk_random: random masks with the counts that allocation erk gives the same total. shuffle_network: the mask is
/// permuted across layers. shuffle_sized: the same among units of as many weights, so that weights stay as many as
/// units. small_dense: a network of the same multiply-adds, evenly narrow, trained from scratch.
enum class Control { none, random, shuffle, reinit, erk_random, shuffle_network, shuffle_sized, small_dense };
std::string_view to_string(Control control);
/// Whether the masks are the method's own, shuffled.
bool is_shuffle(Control control);

/// Optimizer, learning rate, length: steps are absolute here, epochs are gone.
struct TrainRecipe {
  OptimizerSpec optimizer;
  LrScheduleSpec lr_schedule;
  std::int64_t batch_size = 0;
  std::int64_t steps = 0;
  std::int64_t eval_every = 0;
  std::string augment;     ///< as in TrainSpec
  std::int64_t ranks = 1;  ///< as in TrainSpec
  bool operator==(const TrainRecipe&) const = default;
};

/// As GradualSpec.
struct GradualConfig {
  std::int64_t first_step = 0;
  std::int64_t every = 0;
  bool operator==(const GradualConfig&) const = default;
};

/// How the scopes' curves are measured, by the criterion and on the network that is pruned first (SensitivitySpec).
struct SensitivityConfig {
  std::vector<double> sparsities;
  std::int64_t batches = 0;
  std::int64_t batch_size = 0;
  std::int64_t epoch = 1;  ///< of case_epoch.h
};

/// How the pruned network is timed (LatencySpec).
struct LatencyConfig {
  std::vector<std::int64_t> batch_sizes{1, 64};
  std::int64_t threads = 1;
  double time_limit_s = 60;
  std::string device = {};  ///< as in LatencySpec
  bool operator==(const LatencyConfig&) const = default;
};

/// Which state the scores are taken from, and so what is pruned first.
/// `at_step` = train.steps: the trained network (default). 0: at initialisation. PruneRule::granularity has the
/// reduction that the criterion takes.
struct PruneConfig : PruneRule {
  std::string named_granularity = "weight";  ///< canonical text; a reduction that the sweep does not name is the units'
                                             ///< default
  std::string allocation;  ///< a name of catalog/allocations.def, or "table" for sparsities by layer name
  std::string schedule;    ///< a name of catalog/schedules.def
  std::optional<double> rate =
      {};  ///< of what is left, removed by each round, where the schedule was given so; `rounds` say the same
  double sparsity_target = 0;       ///< nominal fraction removed at this operating point
  std::vector<PruneTarget> rounds;  ///< the exact counts of each round up to this operating point, at least one
  std::int64_t at_step = 0;
  std::string dialect = {};                   ///< a name of catalog/dialects.def
  std::optional<GradualConfig> gradual = {};  ///< `rounds` are its updates, inside the training
  std::optional<SensitivityConfig> sensitivity =
      {};                                 ///< measured beside; with allocation "sensitivity" it spreads the budget
  std::optional<RepairRule> repair = {};  ///< after each round, before what is left is trained
  std::int64_t shuffle_epoch = 1;         ///< ShuffleSpec::epoch, of a trial whose masks are shuffled
  bool shared_draw = false;               ///< of a criterion that draws its scores: kSharedDraw, not a draw of its own
  bool operator==(const PruneConfig&) const = delete;  ///< that of the rule would pass for it
};

/// Three knobs (Renda, Frankle & Carbin 2020, arXiv:2003.02389): which weights, which step of the schedule, which
/// recipe.
struct RetrainConfig {
  std::string name;  ///< for people and the database: "none", "finetune 2ep", "rewind init", "rewind 500it", "lr_rewind
                     ///< 2ep", "reinit", ...
  enum class Weights {
    pruned,
    step,
    fresh
  } weights = Weights::pruned;  ///< keep them, go back to weights_step, or draw new ones
  bool own_data_order =
      false;  ///< finetune and lr_rewind: phase = round; rewinding repeats the dense run's order (phase 0)
  std::int64_t weights_step = 0;
  std::int64_t start_step = 0;        ///< of the recipe's schedule
  std::optional<TrainRecipe> recipe;  ///< none: no retraining
  bool operator==(const RetrainConfig&) const = default;
};

/// The network of the small_dense control: what leaves it is known when the method's masks are (NarrowSpec).
struct SmallDenseConfig {
  std::string granularity;           ///< as NarrowSpec
  std::vector<std::string> protect;  ///< as NarrowSpec
  std::int64_t align = 1;            ///< of the counts
  TrainRecipe recipe;                ///< of no steps where it is not trained
  bool operator==(const SmallDenseConfig&) const = default;
};

/// The method of the network that others are compared with: trained, and nothing taken from it.
inline constexpr const char* kDenseMethod = "dense";

/// Everything about a trial but its seed.
struct TrialConfig {
  std::string method = kDenseMethod;  ///< preset name, as the user wrote it
  ModelSpec model;
  DatasetSpec dataset;
  std::string dataset_name;                         ///< for people: "mnist", "idx:DIR"
  std::shared_ptr<const std::string> dataset_path;  ///< absolute; null unless the dataset is given by path
  std::shared_ptr<const std::string> model_path;    ///< absolute; null unless the model is a TorchScript file
  std::string init;
  TrainRecipe train;
  std::optional<PruneConfig> prune;  ///< none: nothing is pruned
  RetrainConfig retrain;
  Control control = Control::none;
  std::optional<SmallDenseConfig> small_dense = {};  ///< of that control
  std::string compute = {};                          ///< of the pruned network: "" or kShrunk
  std::optional<LatencyConfig> latency = {};         ///< timed beside; not in the trial's key
  std::string variant;  ///< values of axes that have no column of their own: "train.lr=0.01"; "" if there are none
};

/// What the rounds of pruning after the first score, for people: "step 918" (of a training that was wound back),
/// "networks retrained for 460 steps", "repaired weights", "steps up to 900" (of a schedule inside the training). ""
/// where one round is all, or where every round scores the same weights.
std::string later_rounds_score(const TrialConfig& config);

struct Trial {
  StageKey key;  ///< SHA-256 of the canonical configuration and seed; the trial_key of the database
  std::uint64_t seed = 0;
  std::shared_ptr<const TrialConfig> config;  ///< shared by the seeds of a configuration
};

}  // namespace espalier
