#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/launch/local_pool_process.h"
#include "orchestrator/pools/pool_evidence.h"
#include "orchestrator/scheduler/events.h"

namespace espalier {

/// Supervises the local pools of the store's coordinator: starts them, or takes over those of an earlier coordinator,
/// and restarts them with a backoff between starts without progress.
class PoolSupervisor {
 public:
  /// `most_starts`: a pool that ends so often in a row without progress is given up; 0: three times if it never reached
  /// the coordinator, more if it did, so that a job that kills its workers is quarantined first.
  /// `start_limit`: a pool that has not reached the coordinator so many seconds after its start, or after it was taken
  /// over, hangs and is killed; 0: never.
  PoolSupervisor(std::vector<LocalPool> pools, int most_starts, double start_limit_seconds);

  /// Starts the pools that do not run. Returns lines for the user. Errors: ErrorKind::unavailable if a process cannot
  /// be started.
  std::vector<std::string> start();
  bool owns(const std::string& label) const { return processes_.count(label) != 0; }
  /// Whether that is the identity, a secret, with which the pool of that label was started.
  bool is(const std::string& label, const std::string& identity) const;
  /// It was started by an earlier coordinator.
  bool was_taken_over(const std::string& label) const;
  /// How the pool of that label ended, with its evidence; none while it runs, or if it is not ours.
  std::optional<PoolEnd> end_of(const std::string& label);

  /// The pool of that label reached the coordinator.
  void on_joined(const std::string& label);

  /// Kills pools that hang before they join, and restarts ended ones after their backoff. Call it about every second:
  /// at most a second between two calls counts for the start limit, since no pool can join a suspended coordinator.
  /// `activity` grows with every attempt that ends: whether the last start made progress. Returns lines for the user.
  /// Errors: ErrorKind::unavailable, with the end of the pool's log, after too many starts in a row without progress.
  std::vector<std::string> restart_ended(std::int64_t activity, double now);
  bool any_running();
  void kill();
  void kill(const std::string& label);
  /// Kills those that were started and have never reached the coordinator: they hold no jobs and receive no message.
  void kill_unjoined();

 private:
  struct Running {
    LocalPool pool;
    std::unique_ptr<LocalPoolProcess> process;
    std::optional<PoolEvidence> evidence;
    std::optional<PoolEnd> end;  ///< of the process before this one, until it is read
    std::int64_t activity_at_start = 0;
    int failed_starts = 0;  ///< in a row, without progress
    bool joined = false;    ///< during one of those
    bool here = false;      ///< the process has reached the coordinator
    bool hung = false;      ///< it did not within the start limit, and was killed
    double waited_s = 0;    ///< for it to do so
    double restart_at = 0;  ///< 0: not ended, or not checked yet
  };
  static void start(Running& running);
  void check_for_hang(const std::string& label, Running& running, double passed, std::vector<std::string>& lines) const;
  std::string note_end(const std::string& label, Running& running, const ProcessEnd& end, std::int64_t activity,
                       double now);

  const int most_starts_;
  const double start_limit_s_;
  std::optional<double> checked_at_;
  std::map<std::string, Running> processes_;
};

}  // namespace espalier
