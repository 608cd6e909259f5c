#pragma once

#include <algorithm>
#include <chrono>
#include <map>

#include "experiments/stages/stage.h"

namespace espalier {

/// A pool's own time limit, and what its rank's stages have shown that they need: what begins can leave something
/// behind before the end, and what runs is asked to stop early enough to save itself. Pure: times are told.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  /// A limit of 0 never comes.
  Deadline(Clock::time_point started, Seconds limit);

  // What is learned, in the order in which it happens to a stage.
  void stage_began(StageKind kind, Clock::time_point now);
  /// A training has taken its first step: from here on a stop leaves something new.
  void first_step_taken(Clock::time_point now);
  void checkpoint_written(Seconds took) { longest_checkpoint_ = std::max(longest_checkpoint_, took); }
  void stage_ended(Clock::time_point now);

  /// A stage of that kind gets somewhere before the pool must leave: a training to its first step, others to their end,
  /// if they take as long as the longest so far.
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
