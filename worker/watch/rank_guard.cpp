#include "worker/watch/rank_guard.h"

#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "worker/machine/crash_notes.h"

namespace espalier {
namespace {

constexpr std::chrono::milliseconds kCheckEvery{100};

}  // namespace

RankGuard::RankGuard(const GuardSettings& settings)
    : settings_(settings), deadline_(settings.started, settings.time_limit), hang_watch_(settings.hang_limit) {}

void RankGuard::watch_this_thread() {
  const std::lock_guard lock(mutex_);
  compute_ = ::pthread_self();
}

bool RankGuard::may_start(const Job& job) {
  const std::lock_guard lock(mutex_);
  if (job.stages.empty() || deadline_.may_start(job.stages.front().kind, Clock::now())) return true;
  out_of_time_ = true;
  return false;
}

JobCallbacks RankGuard::begin_job(std::uint64_t attempt, JobCallbacks callbacks, std::atomic<bool>& stop) {
  progressed_ = false;
  {
    const std::lock_guard lock(mutex_);
    present_ = {attempt, {}};
  }
  set_present_work(attempt, {});
  callbacks.pulse = &pulse_;
  callbacks.on_stage = [this, &stop](const JobStage& stage) { begin_stage(stage, stop); };
  callbacks.on_first_step = [this] {
    const std::lock_guard lock(mutex_);
    deadline_.first_step_taken(Clock::now());
  };
  callbacks.on_checkpoint = [this](const CheckpointWritten& checkpoint) {
    if (checkpoint.newer) progressed_ = true;
    const std::lock_guard lock(mutex_);
    deadline_.checkpoint_written(checkpoint.took);
  };
  callbacks.on_outcome = [this, next = std::move(callbacks.on_outcome)](StageOutcome outcome) {
    if (!outcome.failure) progressed_ = true;
    {
      const std::lock_guard lock(mutex_);
      deadline_.stage_ended(Clock::now());
    }
    if (next) next(std::move(outcome));
  };
  return callbacks;
}

void RankGuard::begin_stage(const JobStage& stage, std::atomic<bool>& stop) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (!deadline_.may_start(stage.kind, now)) {
    out_of_time_ = true;
    stop = true;
    return;
  }
  deadline_.stage_began(stage.kind, now);
  present_.stage = stage.key;
  set_present_work(present_.attempt, present_.stage);
  ++stages_;
  steady_ = has(stage.kind, StageProperty::steady);
}

void RankGuard::end_job() {
  const std::lock_guard lock(mutex_);
  present_ = {};
  set_present_work(0, {});
}

PresentWork RankGuard::present() const {
  const std::lock_guard lock(mutex_);
  return present_;
}

void RankGuard::poll(Clock::time_point now) {
  if (now - checked_at_ < kCheckEvery) return;
  checked_at_ = now;
  WorkSeen seen;
  {
    const std::lock_guard lock(mutex_);
    seen = {present_.attempt == 0 ? 0 : stages_, steady_, pulse_.beats()};
  }
  if (const auto hang = hang_watch_.poll(now, seen)) end_hung(*hang);
}

void RankGuard::end_hung(const Hang& hang) {
  const std::string before = hang.longest.count() > 0
                                 ? fmt::format("until then its longest step took {:.1f} s", hang.longest.count())
                                 : "it had taken no two steps before";
  const std::string message = fmt::format(
      "no progress for {:.0f} s; {}; if its steps are so long by nature, raise "
      "--hang-limit ({:.0f} s)",
      hang.silent.count(), before, settings_.hang_limit.count());
  spdlog::error("attempt {}: {}", present().attempt, message);
  write_crash_note(LossCause::hung, message, compute_);
  ::_exit(kExitHung);
}

bool RankGuard::must_leave(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return out_of_time_ || deadline_.must_leave(now);
}

void RankGuard::leave(Clock::time_point now) {
  if (!left_at_) left_at_ = now;
}

bool RankGuard::grace_is_over(Clock::time_point now) const {
  return left_at_ && settings_.grace.count() > 0 && now - *left_at_ >= settings_.grace;
}

}  // namespace espalier
