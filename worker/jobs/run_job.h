#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "worker/jobs/job_callbacks.h"
#include "worker/jobs/worker_settings.h"

namespace espalier {

class Gang;

/// The accelerator that a rank with this `--device` computes on, as gpu_name() has it; "" for none.
/// `local_rank` counts the pool's ranks on this host.
std::string gpu_of_device(const std::string& device, int local_rank);

/// Runs jobs on one rank. Keeps datasets and the tensors of recent stages in memory between jobs.
/// One thread (the compute thread); `stop` may be set from any.
class JobRunner {
 public:
  /// A missing device is no error here: the first stage of every job fails with ErrorKind::invalid_input.
  explicit JobRunner(WorkerSettings settings);
  ~JobRunner();

  /// Never throws: every failure becomes an outcome. `alone`: nothing else runs in the pool, so the job may use all of
  /// its memory. `gang`: each of its members runs the same job at the same time and ends in the same way. They train
  /// together; the leader runs the other stages while all wait.
  JobEnd run_job(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, bool alone = false,
                 Gang* gang = nullptr);

 private:
  JobEnd run_stages(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, Gang* gang);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
