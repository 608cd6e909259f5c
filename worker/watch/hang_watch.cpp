#include "worker/watch/hang_watch.h"

#include <algorithm>

namespace espalier {
namespace {

constexpr std::uint64_t kFewBeats = 5;
constexpr double kPatience = 10;
constexpr double kSlowerThanItself = 50;

}  // namespace

std::optional<Hang> HangWatch::poll(Clock::time_point now, const WorkSeen& seen) {
  const Clock::duration awake = awake_.at(now);
  if (seen.stage != last_.stage) {
    first_beat_ = seen.beats;
    longest_ = {};
    moved_ = awake;
  } else if (seen.beats != last_.beats) {
    // The gap before the first beat is loading, not a step.
    if (last_.beats != first_beat_) longest_ = std::max(longest_, awake - moved_);
    moved_ = awake;
  }
  last_ = seen;
  if (seen.stage == 0 || floor_.count() <= 0 || awake - moved_ < limit()) return std::nullopt;
  return Hang{awake - moved_, longest_};
}

std::chrono::duration<double> HangWatch::limit() const {
  if (!last_.steady || last_.beats - first_beat_ < kFewBeats) return kPatience * floor_;
  return std::max<std::chrono::duration<double>>(floor_, kSlowerThanItself * longest_);
}

}  // namespace espalier
