#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cluster/protocol/protocol.h"
#include "worker/comm/gang_service.h"
#include "worker/comm/mailbox.h"
#include "worker/jobs/run_job.h"
#include "worker/watch/rank_guard.h"

namespace espalier {

/// One rank's compute thread and its job queue. The main thread passes it commands and takes its reports, and never
/// waits for it. `wake` is called from the compute thread when there are reports.
class RankAgent {
 public:
  RankAgent(Mailbox& mailbox, WorkerSettings settings, std::function<void()> wake);
  /// Asks the compute thread to stop, and joins it.
  ~RankAgent();
  RankAgent(const RankAgent&) = delete;
  RankAgent& operator=(const RankAgent&) = delete;

  // Main thread.
  void handle(std::vector<RankCommand> commands);
  /// A message of another member of a gang (MailTag::gang).
  void handle_gang(int from, std::string_view bytes);
  /// Reports this rank's facts and the attempts it holds, unless its first report is still due.
  void introduce();
  /// Gives back queued jobs; the running one writes a checkpoint. Safe to call twice; the first cause counts.
  void leave(LossCause cause);
  /// Call it in every turn of the loop: ends the process if the compute thread hangs; gives up its job when the grace
  /// period is over.
  void check_health(std::chrono::steady_clock::time_point now);
  /// The time limit is near, or too near for the next stage: the pool must leave.
  bool must_leave(std::chrono::steady_clock::time_point now) const { return guard_.must_leave(now); }
  /// The grace period is over and the compute thread was abandoned: the process can only be ended
  /// (Mailbox::finish_and_exit).
  bool abandoned() const;
  PresentWork present() const { return guard_.present(); }
  /// Nothing is queued, nothing runs, nothing is left to report.
  bool idle() const;
  /// In order. The report of a stage, and those after it, are held back until the coordinator has the stage's files.
  /// Errors: the exception that ended the compute thread.
  std::vector<RankReport> take_reports();
  /// GangService::turn.
  bool turn() { return gang_service_.turn(); }
  /// Waits until there is a report, a sum is requested, or the time is over.
  void wait_for_reports(std::chrono::microseconds limit);

 private:
  void compute();
  void compute_until_leaving();
  void run(const RunJob& job, JobRunner& runner);
  /// With the folders that the supply has found.
  WorkerSettings settled() const;
  RankReady introduction() const;
  void report(RankReport report);
  void give_back(std::uint64_t attempt);
  bool must_wait(const RankReport& report) const;
  void give_up_sending();
  void take(RunJob job);
  /// This rank runs the job alone or leads its gang: it reports the outcome.
  bool leads(const RunJob& job) const;
  /// The job does not begin. `notify`: notifies the gang's other members.
  void decline(const RunJob& job, LossCause cause, bool notify = true);
  std::optional<RunJob> take_waiting(std::uint64_t attempt);
  void on_gang_broken(int from, const GangNote& note);
  void on_withdraw(int from, std::uint64_t attempt);
  void nudge();
  /// The report of a job that has not begun.
  JobEnded not_started(std::uint64_t attempt, LossCause cause) const { return {attempt, true, false, false, cause}; }

  const WorkerSettings settings_;
  const std::string mpi_version_;
  const int rank_;
  const std::function<void()> wake_;
  GangService gang_service_;
  mutable std::mutex mutex_;
  std::condition_variable has_job_;
  std::condition_variable has_report_;
  std::deque<RunJob> jobs_;
  std::vector<RankReport> reports_;
  bool nudged_ = false;                   ///< the gang service has work
  std::set<std::uint64_t> gangs_seen_;    ///< latest attempts: a job may arrive twice
  std::set<std::uint64_t> gangs_broken_;  ///< before their job arrived
  std::uint64_t running_ = 0;             ///< attempt; 0 while nothing runs
  bool leading_ = false;                  ///< of running_: this rank reports it
  bool leaving_ = false;
  LossCause leave_cause_ = LossCause::drained;
  std::string environment_;  ///< JSON
  std::string gpu_;
  bool abandoned_ = false;    ///< reports of the compute thread are ignored
  bool ready_ = false;        ///< the compute thread has introduced itself
  std::exception_ptr error_;  ///< that ended the compute thread, if any
  std::atomic<bool> stop_job_{false};
  RankGuard guard_;
  std::thread thread_;  ///< last: starts after all other members exist
};

}  // namespace espalier
