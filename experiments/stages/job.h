#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/stages/stage.h"

namespace espalier {

/// A stage as a worker sees it.
struct JobStage {
  StageKey key;
  StageKind kind = StageKind::noop;
  std::uint64_t seed = 0;
  std::string spec;  ///< canonical JSON (stage_spec.h)
  std::vector<std::pair<InputRole, StageKey>> inputs;
  std::optional<StageKey> resume_from;  ///< train: start from this stage's kept state if it exists
  bool keep_resume_state = false;       ///< train: leave the optimizer's state beside the artifact
  std::string dataset_path;             ///< "" unless the dataset is given by path
  std::string model_path = {};          ///< "" unless the model is a TorchScript file
};

/// What a worker rank is handed: consecutive stages run in one go with the tensors kept in memory. Each stage's outcome
/// is reported as it is reached, so a stage that others wait for releases them before the job ends.
struct Job {
  std::uint64_t attempt = 0;  ///< only grows; a late answer of an older attempt is recognised by it
  std::vector<JobStage> stages;
};

}  // namespace espalier
