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

/// One rank's compute thread and its queue of jobs. The main thread hands it commands and takes its reports; it never
/// waits for it. `wake` is called from the compute thread when there are reports to take.
class RankAgent {
 public:
  RankAgent(Mailbox& mailbox, WorkerSettings settings, std::function<void()> wake);
  /// Asks the compute thread to stop, and joins it.
  ~RankAgent();
  RankAgent(const RankAgent&) = delete;
  RankAgent& operator=(const RankAgent&) = delete;

  // All of these: main thread.
  void handle(std::vector<RankCommand> commands);
  /// What another member of a gang says (MailTag::gang).
  void handle_gang(int from, std::string_view bytes);
  /// Reports who this rank is and which attempts it holds, unless it has yet to do so.
  void introduce();
  /// Waiting jobs are given back, the running one writes a checkpoint. Safe to call twice; the first cause counts.
  void leave(LossCause cause);
  /// In every turn of the loop: ends the process if the compute thread hangs; gives up its job when the grace is over.
  void look_after(std::chrono::steady_clock::time_point now);
  /// The time limit is near, or left no time for the next stage: the pool must leave.
  bool must_leave(std::chrono::steady_clock::time_point now) const { return guard_.must_leave(now); }
  /// The grace is over and the compute thread was left behind: the process can only be ended
  /// (Mailbox::finish_and_exit).
  bool abandoned() const;
  PresentWork present() const { return guard_.present(); }
  /// Nothing waits, nothing runs, nothing is left to report.
  bool idle() const;
  /// In the order they were made. A stage's waits, and what comes after it, until the coordinator has what it left.
  /// Errors: whatever ended the compute thread.
  std::vector<RankReport> take_reports();
  /// Sees to what gangs add up. True while that goes on: then look again soon.
  bool turn() { return desk_.turn(); }
  /// Until there is a report, a sum is asked for, or the time is over.
  void wait_for_reports(std::chrono::microseconds limit);

 private:
  void compute();
  void compute_until_leaving();
  void run(const RunJob& job, JobRunner& runner);
  /// With the folders that the supply has found out about.
  WorkerSettings settled() const;
  RankReady introduction() const;
  void report(RankReport report);
  void give_back(std::uint64_t attempt);
  bool must_wait(const RankReport& report) const;
  void give_up_sending();
  void take(RunJob job);
  /// This rank alone, or at the head of its gang: the one that says what becomes of the job.
  bool leads(const RunJob& job) const;
  /// The job does not begin. `tell`: the gang's other members are to hear it from us.
  void decline(const RunJob& job, LossCause cause, bool tell = true);
  std::optional<RunJob> take_waiting(std::uint64_t attempt);
  void on_gang_broken(int from, const GangNote& note);
  void on_withdraw(int from, std::uint64_t attempt);
  void nudge();
  /// What is told of a job that has not begun.
  JobEnded not_started(std::uint64_t attempt, LossCause cause) const { return {attempt, true, false, false, cause}; }

  const WorkerSettings settings_;
  const std::string mpi_version_;
  const int rank_;
  const std::function<void()> wake_;
  GangService desk_;
  mutable std::mutex mutex_;
  std::condition_variable has_job_;
  std::condition_variable has_report_;
  std::deque<RunJob> jobs_;
  std::vector<RankReport> reports_;
  bool nudged_ = false;                   ///< the desk has something to do
  std::set<std::uint64_t> gangs_seen_;    ///< their attempts, the latest: a job may come twice
  std::set<std::uint64_t> gangs_broken_;  ///< before their job came
  std::uint64_t running_ = 0;             ///< attempt; 0 while nothing runs
  bool leading_ = false;                  ///< that one: this rank reports it
  bool leaving_ = false;
  LossCause leave_cause_ = LossCause::drained;
  std::string environment_;  ///< JSON
  std::string gpu_;
  bool abandoned_ = false;    ///< nothing that the compute thread says counts any more
  bool ready_ = false;        ///< the compute thread has introduced itself
  std::exception_ptr error_;  ///< what ended the compute thread, if anything did
  std::atomic<bool> stop_job_{false};
  RankGuard guard_;
  std::thread thread_;  ///< last: starts when everything else is there
};

}  // namespace espalier
