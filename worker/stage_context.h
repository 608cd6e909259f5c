#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "experiments/job.h"
#include "experiments/outcome.h"
#include "worker/artifact_store.h"
#include "worker/checkpoint_store.h"
#include "worker/gang.h"
#include "worker/network.h"
#include "worker/resident_dataset.h"
#include "worker/run_job.h"
#include "worker/tensor_cache.h"

namespace espalier {

/// What a running stage may see and use. Everything outlives the stage.
struct StageContext {
  const JobStage& stage;
  std::uint64_t attempt;
  const WorkerSettings& settings;
  c10::Device device;
  const ArtifactStore& artifacts;
  const CheckpointStore& checkpoints;
  TensorCache& cache;
  DatasetCache& datasets;
  const std::atomic<bool>& stop;
  const JobCallbacks& callbacks;
  Gang* gang;  ///< that runs it together; null: this rank alone

  /// The model with tensors on the stage's device; a TorchScript module's file is where the job
  /// says, or else is brought.
  Network network(const ModelSpec& model) const;
  /// The input of that role, from memory or from its artifact; none if the stage has no such input. Not to be written
  /// to. Errors: DamagedInput if the artifact is missing or damaged.
  std::optional<NamedTensors> input(InputRole role) const;
  /// As input. Errors: also ErrorKind::internal if the stage has no such input.
  NamedTensors needed_input(InputRole role) const;
  /// Whether this rank writes files: alone, or at the head of its gang.
  bool writes() const { return gang == nullptr || gang->leads(); }
  /// Writes the stage's artifact, keeps the tensors in memory, and says so in the outcome.
  void leave(NamedTensors tensors, InputRole role, StageOutcome& outcome) const;

 private:
  std::string script_path(const ModelSpec& model) const;
};

/// Runs one stage and fills in its outcome (key, attempt and wall_s are the caller's). False: it was asked to stop, and
/// what it had reached is in its checkpoint. Errors: thrown.
using StageFunction = bool (*)(const StageContext& context, StageOutcome& outcome);

bool run_init_stage(const StageContext& context, StageOutcome& outcome);
bool run_train_stage(const StageContext& context, StageOutcome& outcome);
bool run_prune_stage(const StageContext& context, StageOutcome& outcome);
bool run_shuffle_stage(const StageContext& context, StageOutcome& outcome);
bool run_sensitivity_stage(const StageContext& context, StageOutcome& outcome);
bool run_evaluate_stage(const StageContext& context, StageOutcome& outcome);

}  // namespace espalier
