#include "worker/watch/deadline.h"

namespace espalier {
namespace {

// Time for reports to reach the coordinator, and for mpirun to end. For a short limit, a fraction of it.
constexpr Deadline::Seconds kMargin{5};
constexpr double kPartOfLimit = 0.1;

}  // namespace

Deadline::Deadline(Clock::time_point started, Seconds limit) : started_(started), limit_(limit), began_(started) {}

void Deadline::stage_began(StageKind kind, Clock::time_point now) {
  kind_ = kind;
  began_ = now;
  learned_ = false;
}

void Deadline::first_step_taken(Clock::time_point now) {
  learn(now);
}

void Deadline::stage_ended(Clock::time_point now) {
  learn(now);
}

void Deadline::learn(Clock::time_point now) {
  if (learned_) return;
  learned_ = true;
  Seconds& longest = needed_[kind_];
  longest = std::max<Seconds>(longest, now - began_);
}

bool Deadline::may_start(StageKind kind, Clock::time_point now) const {
  const auto known = needed_.find(kind);
  const Seconds needed = known == needed_.end() ? Seconds(0) : known->second;
  return !must_leave(now + std::chrono::duration_cast<Clock::duration>(needed));
}

bool Deadline::must_leave(Clock::time_point now) const {
  if (limit_.count() <= 0) return false;
  const Seconds margin = std::min(kMargin, kPartOfLimit * limit_);
  return Seconds(now - started_) >= limit_ - 2 * longest_checkpoint_ - margin;
}

}  // namespace espalier
