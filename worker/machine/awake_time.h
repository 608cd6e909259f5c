#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace espalier {

/// Time in which this process could receive messages, for timeouts. A clock runs on while the process is stopped
/// (Ctrl-Z, a suspended laptop, a swapping host); in that time no peer's message could have been received.
class AwakeTime {
 public:
  using Clock = std::chrono::steady_clock;

  /// At most this much counts between two calls.
  static constexpr std::chrono::seconds kLongest{1};

  /// Since the first call. `now` never goes back.
  Clock::duration at(Clock::time_point now) {
    if (last_) awake_ += std::min<Clock::duration>(now - *last_, kLongest);
    last_ = now;
    return awake_;
  }

 private:
  std::optional<Clock::time_point> last_;
  Clock::duration awake_{0};
};

}  // namespace espalier
