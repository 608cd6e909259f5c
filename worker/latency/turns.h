#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/stages/outcome.h"

namespace espalier {

/// A network that is timed.
struct TimedNetwork {
  std::string name;                            ///< NetworkTimes::network
  std::function<double(std::int64_t)> run_ms;  ///< computes so many passes and says how long they took together
};

struct TurnLimits {
  double time_limit_s = 60;
  std::function<bool()> should_stop = [] { return false; };
};

/// Times networks in turn, so that what the machine does meanwhile happens to all of them alike. Each is warmed up until
/// two windows of 20 ms agree within 2 %. A turn lets all compute from the first to the last and back again (ABBA): its
/// sample is the mean of the two times of a pass, each over at least 2 ms of passes. Turns follow, 10 at least, until the
/// 95 % interval of the second network's speed-up is narrower than 2 % of it (`settled`), or the time limit, of which
/// warming up takes a quarter at most. The first is what the others are compared with. `busy_cores` and `peak_bytes` are
/// left at 0. With should_stop nothing is returned that counts.
LatencyMeasurement measure_in_turns(const std::vector<TimedNetwork>& networks, const TurnLimits& limits);

}  // namespace espalier
