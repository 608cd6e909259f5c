#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/stages/stage.h"
#include "experiments/trials/trial.h"

namespace espalier {

using StageIndex = std::uint32_t;

struct StageInput {
  InputRole role;
  StageIndex stage;
};

struct Stage {
  StageKey key;
  StageKind kind = StageKind::noop;
  std::uint64_t seed = 0;
  std::shared_ptr<const std::string> spec;  ///< canonical JSON of stage_spec.h; shared by the seeds of a configuration
  std::vector<StageInput> inputs;           ///< earlier in the graph than the stage itself
  std::optional<StageIndex>
      resume_from;                 ///< train: an earlier state of the same trajectory; an optimization, not in the key
  bool keep_resume_state = false;  ///< train: another stage resumes from here, so keep the optimizer's state too
  std::shared_ptr<const std::string>
      dataset_path;  ///< path of the data (`dataset: {idx: DIR}`), null otherwise; not in the key
  std::shared_ptr<const std::string>
      model_path;          ///< path of the module (`model: {torchscript: PATH}`), null otherwise; not in the key
  std::int64_t steps = 0;  ///< optimizer steps that remain after resume_from
  double cost = 0;         ///< predicted work in multiply-adds, for priorities and estimates
  std::string label;       ///< for people: "train lenet-300-100 seed 0 to step 4585"
  int ranks = 1;           ///< of one pool that run it together: TrainSpec::ranks
};

/// Where a trial stands in the graph.
struct TrialStages {
  StageIndex evaluate;                   ///< its result
  std::optional<StageIndex> masks;       ///< the final masks; none for the dense network
  std::optional<StageIndex> last_train;  ///< the training whose validation curve gives test_accuracy_at_best_validation
  std::optional<StageIndex> dense_evaluate;    ///< the dense network of the same seed and recipe
  std::optional<StageIndex> sensitivity = {};  ///< the curves requested beside the result, or that spread its budget
  std::optional<StageIndex> latency = {};      ///< the times requested beside the result

  /// All but `evaluate`.
  std::array<std::optional<StageIndex>*, 5> optional_stages() {
    return {&masks, &last_train, &dense_evaluate, &sensitivity, &latency};
  }
};

/// What sharing saved: the stages and optimizer steps before and after equal stages were merged.
struct SharingReport {
  std::int64_t stages_before = 0;
  std::int64_t stages_after = 0;
  std::int64_t steps_before = 0;
  std::int64_t steps_after = 0;
};

struct StageGraph {
  std::vector<Stage> stages;        ///< inputs before their users
  std::vector<TrialStages> trials;  ///< parallel to the trials it was built from
  SharingReport sharing;
};

/// Turns trials into stages and merges equal ones by key. Pure.
/// Trajectories (equal origin, masks and recipe) that are needed at several steps are cut there: the later stage
/// resumes from the earlier one.
StageGraph build_stage_graph(const std::vector<Trial>& trials);

}  // namespace espalier
