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
#include "worker/file_supply.h"
#include "worker/guard_settings.h"
#include "worker/memory_limit.h"
#include "worker/pulse.h"

namespace espalier {

struct WorkerSettings {
  std::filesystem::path artifacts;    ///< folder; KEY.safetensors in a subfolder named by the key's first two digits
  std::filesystem::path checkpoints;  ///< folder; KEY.safetensors
  DataFolder data;
  std::string device = "auto";  ///< "auto", "cpu", "cuda", "cuda:1"
  int local_rank = 0;           ///< among the pool's ranks of this host: "auto" and "cuda" share out its GPUs by it
  /// At the first epoch's end after this long; always when asked to stop. A training that took longer leaves its end as
  /// a checkpoint too: it is removed by whoever made the outcome durable, never here.
  std::chrono::milliseconds checkpoint_every{10000};
  FileSupply* supply = nullptr;  ///< brings and sends files where those folders are not the coordinator's; may be null
  MemoryAllowance memory;        ///< holds where the device is the CPU
  GuardSettings guard;           ///< for who runs the jobs
};

/// Where a running stage is; sent about once an epoch or second.
struct StageProgress {
  StageKey key;
  std::uint64_t attempt = 0;
  std::int64_t step = 0;
  std::int64_t end_step = 0;
  double loss = 0;
};

/// A training's state is safe on disk.
struct CheckpointWritten {
  bool newer = false;  ///< than what this attempt began with
  std::chrono::steady_clock::duration took{};
};

enum class JobEnd {
  finished,    ///< every stage has its outcome
  failed,      ///< a stage's outcome is a failure; those after it were not run
  interrupted  ///< asked to stop: the running stage's state is in its checkpoint, it has no outcome
};

struct JobCallbacks {
  std::function<void(const StageProgress&)> on_progress;
  std::function<void(StageOutcome)> on_outcome;        ///< as soon as a stage is reached, in order
  std::function<void(const JobStage&)> on_stage = {};  ///< it begins, unless `stop` is set when this returns
  std::function<void()> on_first_step = {};  ///< train: a stop leaves something new in the checkpoint from here on
  std::function<void(const CheckpointWritten&)> on_checkpoint = {};
  Pulse* pulse = nullptr;  ///< beats with every pass of a stage's network; outlives the job
};

class Gang;

/// The accelerator that a rank with this `--device` computes on, as gpu_name() has it; "" for none.
/// `local_rank` counts the pool's ranks on this host.
std::string gpu_of_device(const std::string& device, int local_rank);

/// Runs jobs on one rank. Keeps datasets and the tensors of recent stages in memory between jobs.
/// One thread (the compute thread); `stop` may be set from any.
class JobRunner {
 public:
  /// A device that is not there is no error here: the first stage of every job fails with ErrorKind::invalid_input.
  explicit JobRunner(WorkerSettings settings);
  ~JobRunner();

  /// Never throws: every failure becomes an outcome. `alone`: nothing else runs in the pool, so the job may have all of
  /// its memory. `gang`: each of its members runs the same job at the same time, and is given the same end. They come
  /// together for the trainings that ask for so many ranks; the other stages the leader runs, for which all wait.
  JobEnd run_job(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, bool alone = false,
                 Gang* gang = nullptr);

 private:
  JobEnd run_stages(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, Gang* gang);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
