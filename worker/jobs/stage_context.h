#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "experiments/stages/job.h"
#include "experiments/stages/outcome.h"
#include "worker/artifacts/artifact_store.h"
#include "worker/artifacts/checkpoint_store.h"
#include "worker/data/resident_dataset.h"
#include "worker/data_parallel/gang.h"
#include "worker/jobs/job_callbacks.h"
#include "worker/jobs/tensor_cache.h"
#include "worker/jobs/worker_settings.h"
#include "worker/network/network.h"

namespace espalier {

/// The environment of a running stage. Everything outlives the stage.
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

  /// The model with tensors on the stage's device; a TorchScript module's file is at the job's path, or else is
  /// fetched.
  Network network(const ModelSpec& model) const;
  /// The input of that role, from memory or from its artifact; none if the stage has no such input. Read-only. Errors:
  /// DamagedInput if the artifact is missing or damaged.
  std::optional<NamedTensors> input(InputRole role) const;
  /// As input. Errors: also ErrorKind::internal if the stage has no such input.
  NamedTensors needed_input(InputRole role) const;
  /// Whether this rank writes files: it runs alone, or leads its gang.
  bool writes() const { return gang == nullptr || gang->leads(); }
  /// Writes the stage's artifact, keeps the tensors in memory, and records the artifact in the outcome.
  void leave(NamedTensors tensors, InputRole role, StageOutcome& outcome) const;

 private:
  std::string file_path(const ModelSpec& model) const;
  /// Of an imported network, as its file holds it. Errors: those of load_network.
  Network graph_network(ModelDescription description) const;
};

}  // namespace espalier
