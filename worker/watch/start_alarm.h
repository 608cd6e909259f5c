#pragma once

namespace espalier {

inline constexpr int kExitStartLimit = 88;

/// Timeout for MPI's start, which cannot be cancelled: ends the process with a message on stderr and kExitStartLimit
/// unless the alarm is cancelled in time. One at a time; it uses SIGALRM.
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
