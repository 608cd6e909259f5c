#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/protocol.h"
#include "worker/run_job.h"

namespace espalier {

/// One rank's compute thread and its queue of jobs. The main thread hands it commands and takes its reports; it never
/// waits for it. `wake` is called from the compute thread when there are reports to take.
class RankAgent {
 public:
  RankAgent(WorkerSettings settings, std::string mpi_version, std::function<void()> wake);
  /// Asks the compute thread to stop, and joins it.
  ~RankAgent();
  RankAgent(const RankAgent&) = delete;
  RankAgent& operator=(const RankAgent&) = delete;

  // All of these: main thread.
  void handle(std::vector<RankCommand> commands);
  /// Reports who this rank is and which attempts it holds, unless it has yet to do so.
  void introduce();
  /// Waiting jobs are given back, the running one writes a checkpoint. Safe to call twice; the first cause counts.
  void leave(LossCause cause);
  /// Nothing waits, nothing runs, nothing is left to report.
  bool idle() const;
  /// Errors: whatever ended the compute thread.
  std::vector<RankReport> take_reports();
  /// Until there is a report or the time is over.
  void wait_for_reports(std::chrono::microseconds limit);

 private:
  void compute();
  void compute_until_leaving();
  void run(const RunJob& command, JobRunner& runner);
  RankReady introduction() const;
  void report(RankReport report);
  void give_back(std::uint64_t attempt);

  const WorkerSettings settings_;
  const std::string mpi_version_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable has_job_;
  std::condition_variable has_report_;
  std::deque<RunJob> jobs_;
  std::vector<RankReport> reports_;
  std::uint64_t running_ = 0;  ///< attempt; 0 while nothing runs
  bool leaving_ = false;
  LossCause cause_ = LossCause::drained;  ///< of leaving, or of taking the running job back
  std::string environment_;               ///< JSON
  bool ready_ = false;                    ///< the compute thread has introduced itself
  std::exception_ptr error_;              ///< what ended the compute thread, if anything did
  std::atomic<bool> stop_job_{false};
  std::thread thread_;  ///< last: starts when everything else is there
};

}  // namespace espalier
