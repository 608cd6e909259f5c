#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <pthread.h>

#include "worker/jobs/guard_settings.h"
#include "worker/jobs/job_callbacks.h"
#include "worker/watch/deadline.h"
#include "worker/watch/hang_watch.h"

namespace espalier {

/// The exit code of a rank that ended itself because its stage hung, and that with which a gateway ends its pool
/// because a rank's heartbeat was overdue.
inline constexpr int kExitHung = 86;
inline constexpr int kExitSilentRank = 87;

/// What a rank runs now.
struct PresentWork {
  std::uint64_t attempt = 0;  ///< 0: nothing
  std::optional<StageKey> stage;
};

/// Watches one rank's compute thread: keeps the record for a crash note, ends a rank that hangs, and knows the pool's
/// time limit and the grace period of a leaving pool.
class RankGuard {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RankGuard(const GuardSettings& settings);
  RankGuard(const RankGuard&) = delete;
  RankGuard& operator=(const RankGuard&) = delete;

  // The compute thread.
  void watch_this_thread();
  /// False: the pool's time limit is too near for it. The pool must leave then.
  bool may_start(const Job& job);
  /// Wraps the callbacks so that they also notify the guard. A stage that may not start any more sets `stop`.
  JobCallbacks begin_job(std::uint64_t attempt, JobCallbacks callbacks, std::atomic<bool>& stop);
  void end_job();

  // Any thread.
  /// Since begin_job a stage was reached, or a checkpoint newer than the first was written.
  bool progressed() const { return progressed_; }
  PresentWork present() const;

  // The main thread, in every turn of its loop.
  /// Ends the process (kExitHung), with a note and a line in the log, if the compute thread hangs. Cheap.
  void poll(Clock::time_point now);
  /// The pool's time limit is near.
  bool must_leave(Clock::time_point now) const;
  /// The pool leaves: the grace period begins, once.
  void leave(Clock::time_point now);
  bool grace_is_over(Clock::time_point now) const;

 private:
  void begin_stage(const JobStage& stage, std::atomic<bool>& stop);
  [[noreturn]] void end_hung(const Hang& hang);

  const GuardSettings settings_;
  mutable std::mutex mutex_;
  Deadline deadline_;
  bool out_of_time_ = false;
  PresentWork present_;
  std::uint64_t stages_ = 0;  ///< that began
  bool steady_ = false;
  std::optional<pthread_t> compute_;
  std::atomic<bool> progressed_{false};
  Pulse pulse_;
  // The main thread's own.
  HangWatch hang_watch_;
  Clock::time_point checked_at_{};
  std::optional<Clock::time_point> left_at_;
};

}  // namespace espalier
