#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "worker/machine/awake_time.h"

namespace espalier {

/// The observed state of the compute thread.
struct WorkSeen {
  std::uint64_t stage = 0;  ///< counts the stages that began on this rank; 0: none runs
  bool steady = false;      ///< the stage is passes of about equal length, and hardly anything between them
  std::uint64_t beats = 0;  ///< count of its pulse
};

/// A stage without progress.
struct Hang {
  std::chrono::duration<double> silent{0};  ///< since its last beat
  std::chrono::duration<double> longest{
      0};  ///< longest gap between two earlier beats of this stage; 0 with fewer than two
};

/// Distinguishes a hung stage from a slow one, by its own steps. With L the floor and g the longest gap between two
/// beats of this stage, it hangs when there was no progress for
///     10 L            before its fifth beat (data is loaded then), and always in a stage that is not steady
///     max(L, 50 g)    after.
/// Time counts only while it is polled (awake_time.h).
class HangWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// A floor of 0 detects no hang.
  explicit HangWatch(std::chrono::duration<double> floor) : floor_(floor) {}

  /// Call it about every 100 ms, or less often than once a second if late detection is acceptable. Returns a detected
  /// hang.
  std::optional<Hang> poll(Clock::time_point now, const WorkSeen& seen);

 private:
  std::chrono::duration<double> limit() const;

  const std::chrono::duration<double> floor_;
  AwakeTime awake_;
  WorkSeen last_;
  std::uint64_t first_beat_ = 0;  // the pulse when the stage began
  Clock::duration moved_{0};      // time of the last observed progress
  Clock::duration longest_{0};
};

}  // namespace espalier
