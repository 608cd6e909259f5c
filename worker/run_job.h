#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "experiments/dataset.h"
#include "experiments/job.h"
#include "experiments/outcome.h"

namespace espalier {

struct WorkerSettings {
  std::filesystem::path artifacts;    ///< folder; KEY.safetensors in a subfolder named by the key's first two digits
  std::filesystem::path checkpoints;  ///< folder; KEY.safetensors
  DataFolder data;
  std::string device = "auto";  ///< "auto", "cpu", "cuda", "cuda:1"
  /// At the first epoch's end after this long; always when asked to stop. A training that took longer leaves its end as
  /// a checkpoint too: it is removed by whoever made the outcome durable, never here.
  std::chrono::milliseconds checkpoint_every{10000};
};

/// Where a running stage is; sent about once an epoch or second.
struct StageProgress {
  StageKey key;
  std::uint64_t attempt = 0;
  std::int64_t step = 0;
  std::int64_t end_step = 0;
  double loss = 0;
};

enum class JobEnd {
  finished,    ///< every stage has its outcome
  failed,      ///< a stage's outcome is a failure; those after it were not run
  interrupted  ///< asked to stop: the running stage's state is in its checkpoint, it has no outcome
};

struct JobCallbacks {
  std::function<void(const StageProgress&)> on_progress;
  std::function<void(StageOutcome)> on_outcome;   ///< as soon as a stage is reached, in order
  std::function<void(bool newer)> on_checkpoint;  ///< one was written; further than where the attempt began, or not
};

/// Runs jobs on one rank. Keeps datasets and the tensors of recent stages in memory between jobs.
/// One thread (the compute thread); `stop` may be set from any.
class JobRunner {
 public:
  /// A device that is not there is no error here: the first stage of every job fails with ErrorKind::invalid_input.
  explicit JobRunner(WorkerSettings settings);
  ~JobRunner();

  /// Never throws: every failure becomes an outcome.
  JobEnd run_job(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
