#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/datasets/dataset.h"
#include "experiments/spec/choices.h"
#include "experiments/spec/failure_keys.h"
#include "experiments/spec/length.h"
#include "experiments/spec/resources.h"
#include "experiments/trials/trial.h"

namespace espalier {

// A sweep as it was written, checked as far as it can be without a dataset: names known, numbers in range, no key
// unknown. docs/sweeps.md says where every key is described.

struct LrSetting {
  std::string shape = "constant";
  std::vector<Length> milestones;  ///< step
  double gamma = 0.1;              ///< step
};

/// The keys of `train` (each an axis: Slot = Choices) and of `retrain: {finetune: ...}` (Slot = std::optional).
template <template <typename> typename Slot>
struct TrainKeys {
  Slot<std::string> optimizer;
  Slot<double> lr;
  Slot<double> momentum;
  Slot<bool> nesterov;
  Slot<double> weight_decay;
  Slot<std::int64_t> batch_size;
  Slot<Length> epochs;
  Slot<Length> steps;
  Slot<LrSetting> lr_schedule;
  Slot<Length> warmup;
  Slot<Length> eval_every;
  Slot<std::string> augment;  ///< "none" or "crop_flip"
};

template <typename Value>
using Maybe = std::optional<Value>;

/// A layer's name, or a pattern that names fit (`conv*`), with its sparsity, its rate per round or its bound.
struct LayerShare {
  std::string layer;
  double share = 0;
  KeyPlace place;
};

struct NamePattern {
  std::string text;
  KeyPlace place;
};

struct CriterionSetting {
  std::string name;
  std::map<std::string, double> options;  ///< those that differ from their defaults
};

struct GranularitySetting {
  std::string text;           ///< canonical
  bool own_reduction = true;  ///< whether the sweep names the reduction
  auto operator<=>(const GranularitySetting&) const = default;
};

struct AllocationSetting {
  std::string name;               ///< a name of catalog/allocations.def, or "table"
  std::vector<LayerShare> table;  ///< sparsities; layers that are not named stay dense
};

/// Least or most of a layer to keep: below 1 a fraction of its units, from 1 on a number of them.
struct BoundSetting {
  std::vector<LayerShare> layers;  ///< the last that fits a layer holds
};

/// Sparsities of layers that are pruned by themselves, beside `sparsity`, which is then that of the others.
struct RatioSetting {
  std::vector<LayerShare> layers;  ///< the last that fits a layer holds
};

/// Inside the training: from `start` to `end`, every so many steps.
struct GradualSetting {
  Length start, end, every;
};

struct ScheduleSetting {
  std::string name;               ///< of catalog/schedules.def
  std::int64_t rounds = 0;        ///< 0: not given
  double rate = 0;                ///< 0: not given
  double initial = 0;             ///< sparsity that the schedule begins with
  std::vector<LayerShare> rates;  ///< instead of `rate`
  std::optional<GradualSetting> gradual;
  KeyPlace place;
};

/// Which state is scored and pruned first.
struct PruneMoment {
  bool trained = true;
  Length length;  ///< otherwise, the state after this much of the dense training
  auto operator<=>(const PruneMoment&) const = default;
};

/// How the curves of the layers' sensitivity are measured.
struct SensitivitySetting {
  std::vector<double> sparsities{0.5, 0.8, 0.9, 0.95};
  std::int64_t batches = 4;
  std::int64_t batch_size = 0;  ///< 0: the training's
};

/// What is put right after a cut, and by how much data; neither: nothing.
struct RepairSetting {
  bool refit = false, bn_stats = false;
  double damping = 0.01;
  std::int64_t batches = 8;
  std::int64_t batch_size = 0;  ///< 0: the training's
  auto operator<=>(const RepairSetting&) const = default;
};

struct PruneKeys {
  Choices<CriterionSetting> method;
  Choices<CriterionSetting> criterion;
  Choices<GranularitySetting> granularity;
  Choices<double> sparsity;
  Choices<AllocationSetting> allocation;
  Choices<ScheduleSetting> schedule;
  Choices<std::string> dialect;
  Choices<BoundSetting> min_kept;
  Choices<BoundSetting> max_kept;
  Choices<RatioSetting> ratios;
  Choices<std::int64_t> align;  ///< 1: any count
  Choices<PruneMoment> at;
  Choices<std::string> norms;  ///< "running" or "batch"
  Choices<std::int64_t> batches;
  Choices<std::int64_t> batch_size;
  Choices<RepairSetting> repair;
  std::vector<NamePattern> protect;
  bool refuse_empty = false;
  std::optional<SensitivitySetting> sensitivity;  ///< given, or needed by an allocation
  KeyPlace sensitivity_place;
  KeyPlace criterion_place, granularity_place, allocation_place, dialect_place, min_kept_place, max_kept_place;
  KeyPlace norms_place, ratios_place, align_place, repair_place;
};

struct RetrainSetting {
  /// A name of catalog/retrains.def, or weights, schedule and learning rate one by one.
  enum class Form {
#define ESPALIER_RETRAIN(name, ...) name,
#include "experiments/catalog/retrains.def"
#undef ESPALIER_RETRAIN
    knobs
  } form = Form::none;
  Length to;                     ///< rewind, lr_rewind; knobs: the step of the schedule
  std::int64_t last_epochs = 0;  ///< lr_rewind: to this long before the end, instead of `to`
  TrainKeys<Maybe> finetune;
  enum class Weights { pruned, step, fresh } weights = Weights::pruned;  ///< knobs
  Length weights_of;                                                     ///< knobs: the step
  std::optional<double> lr;                                              ///< knobs: instead of the schedule's
  bool last_lr = false;                                                  ///< knobs: the training's last one
  KeyPlace place;
};

/// A model of the catalog, or a file.
struct ModelRequest {
  std::string name;         ///< "" if `path` is given
  std::string path = {};    ///< as written; relative to the present folder
  std::string format = {};  ///< of the file: kTorchScript or kOnnx
  std::string output = {};  ///< of a file that gives several: which one, by name or place; "" the first
  auto operator<=>(const ModelRequest&) const = default;
};
inline constexpr const char* kTorchScript = "torchscript";
inline constexpr const char* kOnnx = "onnx";

struct SweepSpec {
  std::string name;
  Choices<DatasetRequest> dataset;
  Choices<ModelRequest> model;
  Choices<std::string> init;
  std::vector<std::uint64_t> seeds;
  TrainKeys<Choices> train;
  Choices<std::int64_t> ranks;     ///< of a pool that train a network together
  std::optional<PruneKeys> prune;  ///< none: dense networks only
  Choices<RetrainSetting> retrain;
  Choices<std::string> compute;  ///< "auto", "masked" or "shrunk"
  std::optional<LatencyConfig> latency;  ///< measured of every pruned network, beside its accuracy
  std::vector<Control> controls;
  bool shares_random = false;  ///< random masks know nothing but their seed: {random: shared} among the controls
  bool dense = true;           ///< add the dense networks' own trials
  // How it is run, not what: no axes, and in no key.
  FailureKeys on_failure;
  Resources resources;
  std::filesystem::path folder;  ///< in which relative paths begin; "": the working directory

  std::vector<Axis> axes;
  std::vector<std::vector<AxisIndex>> dials;  ///< axes that advance together, slowest first; every axis is on one
  std::vector<Condition> when;                ///< a combination stays if one of them holds (or there is none)
  std::vector<Condition> exclude;             ///< and goes if one of them holds

  // Source positions, for later diagnostics.
  KeyPlace place;
  KeyPlace dataset_place, model_place, init_place, seeds_place, train_place, ranks_place, prune_place, compute_place;
  KeyPlace sparsity_place, at_place, controls_place, resources_place, measure_place;
};

}  // namespace espalier
