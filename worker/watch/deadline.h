#pragma once

#include <algorithm>
#include <chrono>
#include <map>

#include "experiments/stages/stage.h"

namespace espalier {

/// A pool's time limit, with the measured durations of its rank's stages: a stage begins only if it can save progress
/// before the limit, and is stopped early enough to write its checkpoint. Pure: times are arguments.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  /// 0: no limit.
  Deadline(Clock::time_point started, Seconds limit);

  // Measurements, in the order of a stage's events.
  void stage_began(StageKind kind, Clock::time_point now);
  /// A training has taken its first step: from here on a stop saves progress.
  void first_step_taken(Clock::time_point now);
  void checkpoint_written(Seconds took) { longest_checkpoint_ = std::max(longest_checkpoint_, took); }
  void stage_ended(Clock::time_point now);

  /// A stage of that kind makes progress before the pool must leave: a training reaches its first step, others their
  /// end, if they take as long as the longest so far.
  bool may_start(StageKind kind, Clock::time_point now) const;
  /// The limit is nearer than twice the longest checkpoint and a margin.
  bool must_leave(Clock::time_point now) const;

 private:
  void learn(Clock::time_point now);

  const Clock::time_point started_;
  const Seconds limit_;
  std::map<StageKind, Seconds> needed_;  // the longest time to a first step, or to the end
  Seconds longest_checkpoint_{0};
  StageKind kind_ = StageKind::noop;  // of the stage that runs
  Clock::time_point began_;
  bool learned_ = true;
};

}  // namespace espalier
