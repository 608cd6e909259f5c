#pragma once

#include <chrono>

namespace espalier {

/// Seconds since 1970, UTC: what the database keeps, and the time that decisions are told.
double utc_seconds();

/// Seconds since `then`, of the clock that nobody sets.
double seconds_since(std::chrono::steady_clock::time_point then);

/// Seconds of a processor that this thread has used: what else the machine does is not in them.
double processor_seconds();

}  // namespace espalier
