#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// What is said of something that happens as often as others like: the first time at once, and what follows within a
/// minute of that together at its end. Pure.
class RareLog {
 public:
  /// It happened, at `now` (seconds). True: say it by itself.
  bool count(const std::string& last, double now);
  /// `37 more strangers in the last minute, the last from 10.0.0.1:123: WHY` if a minute is over and there were any;
  /// else "". `what`: "strangers".
  std::string sum_up(const std::string& what, double now);

 private:
  std::int64_t more_ = 0;  ///< not said yet
  std::string last_;
  double since_ = -1e18;
};

}  // namespace espalier
