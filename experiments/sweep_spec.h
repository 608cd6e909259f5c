#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/choices.h"
#include "experiments/dataset.h"
#include "experiments/length.h"
#include "experiments/trial.h"

namespace espalier {

// A sweep as it was written, checked as far as it can be without a dataset: names known, numbers in range, no key
// unknown. docs/sweeps.md describes every key.

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

/// A layer's name with its sparsity or its rate per round.
struct LayerShare {
  std::string layer;
  double share = 0;
  KeyPlace place;
};

struct AllocationSetting {
  std::string name;               ///< "global", "uniform", "table"
  std::vector<LayerShare> table;  ///< sparsities; layers that are not named stay dense
};

struct ScheduleSetting {
  std::string name = "one_shot";
  std::int64_t rounds = 0;        ///< 0: not given
  double rate = 0;                ///< 0: not given
  std::vector<LayerShare> rates;  ///< instead of `rate`
  KeyPlace place;
};

/// Which state is scored and pruned first.
struct PruneMoment {
  bool trained = true;
  Length length;  ///< otherwise, the state after this much of the dense training
};

struct PruneKeys {
  Choices<std::string> method;
  Choices<std::string> criterion;
  Choices<std::string> granularity;
  Choices<double> sparsity;
  Choices<AllocationSetting> allocation;
  Choices<ScheduleSetting> schedule;
  Choices<PruneMoment> at;
  Choices<std::int64_t> batches;
  Choices<std::int64_t> batch_size;
};

struct RetrainSetting {
  enum class Form { none, finetune, rewind, lr_rewind, reinit } form = Form::none;
  Length to;                     ///< rewind, lr_rewind
  std::int64_t last_epochs = 0;  ///< lr_rewind: to this long before the end, instead of `to`
  TrainKeys<Maybe> finetune;
  KeyPlace place;
};

/// A model of the catalog, or a TorchScript file.
struct ModelRequest {
  std::string name;  ///< "" if `path` is given
  std::string path;  ///< as written; relative to the present folder
};

struct SweepSpec {
  std::string name;
  Choices<DatasetRequest> dataset;
  Choices<ModelRequest> model;
  Choices<std::string> init;
  std::vector<std::uint64_t> seeds;
  TrainKeys<Choices> train;
  std::optional<PruneKeys> prune;  ///< none: dense networks only
  Choices<RetrainSetting> retrain;
  std::vector<Control> controls;  ///< random, shuffle, reinit
  bool dense = true;              ///< add the dense networks' own trials

  std::vector<Axis> axes;
  std::vector<std::vector<AxisIndex>> dials;  ///< axes that advance together, slowest first; every axis is on one
  std::vector<Condition> when;                ///< a combination stays if one of them holds (or there is none)
  std::vector<Condition> exclude;             ///< and goes if one of them holds

  // Where things were said, for diagnostics that come later.
  KeyPlace place;
  KeyPlace dataset_place, model_place, init_place, seeds_place, train_place, prune_place;
  KeyPlace sparsity_place, at_place, controls_place;
};

}  // namespace espalier
