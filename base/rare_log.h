#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// Rate limit for log lines about events that others can cause: the first is logged at once, those of the following
/// minute are summed up at its end. Pure.
class RareLog {
 public:
  /// Counts an event at `now` (seconds). True: log it by itself.
  bool count(const std::string& last, double now);
  /// `37 more unauthenticated connections in the last minute, the last from 10.0.0.1:123: WHY` if a minute is over and
  /// there were any; else "". `what`: the plural noun.
  std::string sum_up(const std::string& what, double now);

 private:
  std::int64_t more_ = 0;  ///< not logged yet
  std::string last_;
  double since_ = -1e18;
};

}  // namespace espalier
