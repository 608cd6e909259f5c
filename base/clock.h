#pragma once

#include <chrono>

namespace espalier {

/// Seconds since 1970, UTC: the times in the database, and the time argument of decisions.
double utc_seconds();

/// Seconds since `then`, of the monotonic clock.
double seconds_since(std::chrono::steady_clock::time_point then);

/// Seconds of a processor that this thread has used: what else the machine does is not in them.
double processor_seconds();

}  // namespace espalier
