#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace espalier {

/// Time in which this process could have seen something happen. A clock goes on while the process is stopped (Ctrl-Z, a
/// suspended laptop, a machine that swaps); whoever is waited for had no chance to be heard then.
class AwakeTime {
 public:
  using Clock = std::chrono::steady_clock;

  /// Between two calls at most this much passes.
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
