#pragma once

namespace espalier {

inline constexpr int kExitStartLimit = 88;

/// Ends the process with a sentence on stderr and kExitStartLimit unless it is cancelled in time: MPI cannot be asked
/// to give up while it starts. One at a time; SIGALRM is its own meanwhile.
class StartAlarm {
 public:
  /// `seconds`: 0 for none.
  explicit StartAlarm(double seconds);
  ~StartAlarm() { cancel(); }
  StartAlarm(const StartAlarm&) = delete;
  StartAlarm& operator=(const StartAlarm&) = delete;
  void cancel();
};

}  // namespace espalier
