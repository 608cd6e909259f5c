#include "worker/comm/rank_agent.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/host_name.h"
#include "worker/jobs/environment.h"
#include "worker/machine/crash_notes.h"

namespace espalier {

RankAgent::RankAgent(Mailbox& mailbox, WorkerSettings settings, std::function<void()> wake)
    : settings_(std::move(settings)),
      mpi_version_(mailbox.library_version()),
      rank_(mailbox.rank()),
      wake_(std::move(wake)),
      gang_service_(mailbox, [this] { nudge(); }),
      guard_(settings_.guard),
      thread_([this] { compute(); }) {}

RankAgent::~RankAgent() {
  leave(LossCause::drained);
  gang_service_.close();
  thread_.join();
}

void RankAgent::handle(std::vector<RankCommand> commands) {
  const std::lock_guard lock(mutex_);
  for (RankCommand& command : commands) {
    if (RunJob* run = std::get_if<RunJob>(&command)) {
      take(std::move(*run));
    } else if (StopJob* stop = std::get_if<StopJob>(&command)) {
      give_back(stop->attempt);
    }
  }
  has_job_.notify_one();
}

/// A gang's job arrives from the coordinator and from its leader: the first counts.
void RankAgent::take(RunJob job) {
  constexpr std::size_t kRemembered = 4096;
  if (job.gang.size() < 2) job.gang.clear();
  if (!job.gang.empty() && !gangs_seen_.insert(job.job.attempt).second) return;
  if (gangs_seen_.size() > kRemembered) gangs_seen_.erase(gangs_seen_.begin());
  if (leaving_) {
    decline(job, leave_cause_);
  } else if (gangs_broken_.erase(job.job.attempt) > 0) {
    decline(job, LossCause::drained, leads(job));
  } else {
    jobs_.push_back(std::move(job));
  }
}

bool RankAgent::leads(const RunJob& job) const {
  return job.gang.empty() || job.gang.front() == rank_;
}

void RankAgent::decline(const RunJob& job, LossCause cause, bool notify) {
  const JobEnded ended = not_started(job.job.attempt, cause);
  if (leads(job)) reports_.emplace_back(ended);
  if (notify && !job.gang.empty()) gang_service_.decline(job, ended);
}

void RankAgent::give_back(std::uint64_t attempt) {
  if (attempt == running_) {
    stop_job_ = true;
    gang_service_.stop_waiting(not_started(attempt, LossCause::drained));
  } else if (const auto job = take_waiting(attempt)) {
    decline(*job, LossCause::drained);
  }
}

/// None if it has ended.
std::optional<RunJob> RankAgent::take_waiting(std::uint64_t attempt) {
  const auto waiting =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const RunJob& waits) { return waits.job.attempt == attempt; });
  if (waiting == jobs_.end()) return std::nullopt;
  std::optional<RunJob> job = std::move(*waiting);
  jobs_.erase(waiting);
  return job;
}

void RankAgent::handle_gang(int from, std::string_view bytes) {
  const GangNote note = decode_gang_note(bytes);
  switch (note.kind) {
    case GangNote::Kind::call:
      handle(decode_commands(note.bytes));
      return;
    case GangNote::Kind::ready:
      gang_service_.on_ready(from, note);
      return;
    case GangNote::Kind::go:
      gang_service_.on_go(note);
      return;
    case GangNote::Kind::broken:
      on_gang_broken(from, note);
      return;
    case GangNote::Kind::withdraw:
      on_withdraw(from, note.attempt);
  }
}

void RankAgent::on_gang_broken(int from, const GangNote& note) {
  const std::lock_guard lock(mutex_);
  if (note.attempt == running_) {
    gang_service_.on_broken(from, note);
  } else if (const auto job = take_waiting(note.attempt)) {
    decline(*job, LossCause::drained, false);
  } else if (!gangs_seen_.contains(note.attempt)) {
    gangs_broken_.insert(note.attempt);
  }
}

void RankAgent::on_withdraw(int from, std::uint64_t attempt) {
  const std::lock_guard lock(mutex_);
  const bool waits = std::ranges::any_of(jobs_, [&](const RunJob& job) { return job.job.attempt == attempt; });
  if (attempt == running_ || waits) return give_back(attempt);
  if (!gangs_seen_.contains(attempt)) gangs_broken_.insert(attempt);
  gang_service_.refuse(from, not_started(attempt, LossCause::drained));
}

void RankAgent::nudge() {
  {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
  }
  has_report_.notify_one();
  if (wake_) wake_();
}

void RankAgent::introduce() {
  const std::lock_guard lock(mutex_);
  if (ready_) reports_.emplace_back(introduction());
}

RankReady RankAgent::introduction() const {
  RankReady ready{environment_, host_name(), {}};
  if (running_ != 0 && leading_) ready.held.push_back(running_);
  for (const RunJob& waits : jobs_) {
    if (leads(waits)) ready.held.push_back(waits.job.attempt);
  }
  constexpr double kGigabyte = 1e9;
  ready.gpu = gpu_;
  ready.memory_gb = static_cast<double>(settings_.memory.rank_bytes) / kGigabyte;
  ready.cores = static_cast<int>(std::thread::hardware_concurrency());
  return ready;
}

void RankAgent::leave(LossCause cause) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(leaving_, true)) leave_cause_ = cause;
  guard_.leave(std::chrono::steady_clock::now());
  for (const RunJob& waits : std::exchange(jobs_, {})) decline(waits, leave_cause_);
  stop_job_ = true;
  if (running_ != 0) gang_service_.stop_waiting(not_started(running_, leave_cause_));
  has_job_.notify_one();
}

void RankAgent::check_health(std::chrono::steady_clock::time_point now) {
  guard_.poll(now);
  const std::lock_guard lock(mutex_);
  const bool alone = leaving_ && leave_cause_ == LossCause::coordinator_lost;
  if (alone || guard_.grace_is_over(now)) give_up_sending();
  if (!guard_.grace_is_over(now)) return;
  if (abandoned_ || (ready_ && running_ == 0)) return;
  if (running_ != 0) {
    spdlog::warn("attempt {}: its step did not end within the grace; left without it", running_);
    if (leading_) reports_.emplace_back(JobEnded{running_, true, true, guard_.progressed(), leave_cause_});
    running_ = 0;
  }
  ready_ = true;
  abandoned_ = true;
}

bool RankAgent::abandoned() const {
  const std::lock_guard lock(mutex_);
  return abandoned_;
}

bool RankAgent::idle() const {
  const std::lock_guard lock(mutex_);
  return ready_ && jobs_.empty() && running_ == 0 && reports_.empty();
}

std::vector<RankReport> RankAgent::take_reports() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  // A message holds at most the longest curve and small reports; the rest waits for the next turn.
  std::size_t points = 0;
  const auto end = std::find_if(reports_.begin(), reports_.end(), [&](const RankReport& report) {
    if (must_wait(report)) return true;
    const StageReached* reached = std::get_if<StageReached>(&report);
    if (reached != nullptr) points += reached->outcome.metrics.size();
    return points > kMostMetricPoints && &report != &reports_.front();
  });
  std::vector<RankReport> taken(std::make_move_iterator(reports_.begin()), std::make_move_iterator(end));
  reports_.erase(reports_.begin(), end);
  return taken;
}

// A rank that is sent a job after an outcome may need the artifact at once, and after an interruption the checkpoint.
bool RankAgent::must_wait(const RankReport& report) const {
  if (settings_.supply == nullptr) return false;
  if (const StageReached* reached = std::get_if<StageReached>(&report)) {
    return settings_.supply->is_sending(reached->outcome.key);
  }
  const JobEnded* ended = std::get_if<JobEnded>(&report);
  return ended != nullptr && ended->interrupted && ended->started && settings_.supply->is_sending_anything();
}

// A stage whose files the coordinator lacks counts as not done.
void RankAgent::give_up_sending() {
  const auto waits = std::find_if(reports_.begin(), reports_.end(), [this](const auto& r) { return must_wait(r); });
  if (waits == reports_.end()) return;
  spdlog::warn("left before the coordinator had every file: its last results are not reported");
  reports_.erase(waits, reports_.end());
}

void RankAgent::wait_for_reports(std::chrono::microseconds limit) {
  std::unique_lock lock(mutex_);
  has_report_.wait_for(lock, limit, [this] { return (!reports_.empty() && !must_wait(reports_.front())) || nudged_; });
  nudged_ = false;
}

void RankAgent::report(RankReport report) {
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    reports_.push_back(std::move(report));
  }
  has_report_.notify_one();
  if (wake_) wake_();
}

void RankAgent::compute() {
  const SignalStack stack;
  guard_.watch_this_thread();
  try {
    compute_until_leaving();
  } catch (...) {
    // Failures of a job are outcomes; this is a failure of the rank itself, reported by the main thread.
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
  }
  if (wake_) wake_();
}

WorkerSettings RankAgent::settled() const {
  WorkerSettings settings = settings_;
  if (settings.supply != nullptr) {
    settings.artifacts = settings.supply->store().artifacts();
    settings.checkpoints = settings.supply->store().checkpoints();
  }
  return settings;
}

void RankAgent::compute_until_leaving() {
  std::optional<JobRunner> runner;
  std::string environment = describe_environment(mpi_version_, settings_.device);
  std::string gpu = gpu_of_device(settings_.device, settings_.local_rank);
  std::unique_lock lock(mutex_);
  environment_ = std::move(environment);
  gpu_ = std::move(gpu);
  reports_.emplace_back(introduction());
  ready_ = true;
  if (wake_) wake_();
  while (true) {
    has_job_.wait(lock, [this] { return leaving_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const RunJob job = std::move(jobs_.front());
    jobs_.pop_front();
    if (!guard_.may_start(job.job)) {
      decline(job, LossCause::time_limit);
      continue;
    }
    running_ = job.job.attempt;
    leading_ = leads(job);
    stop_job_ = leaving_;
    lock.unlock();
    if (!runner) runner.emplace(settled());
    run(job, *runner);
    lock.lock();
  }
}

void RankAgent::run(const RunJob& job, JobRunner& runner) {
  constexpr auto kProgressInterval = std::chrono::seconds(1);
  std::chrono::steady_clock::time_point last_progress;
  std::optional<StageOutcome> failed;
  const bool leading = leads(job);
  JobCallbacks callbacks;
  callbacks.on_outcome = [&](StageOutcome outcome) {
    if (outcome.failure && !job.gang.empty()) failed = outcome;
    if (leading) report(StageReached{std::move(outcome)});
  };
  callbacks.on_progress = [&](const StageProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (!leading || now - last_progress < kProgressInterval) return;
    last_progress = now;
    report(JobProgress{progress.attempt, progress.key, progress.step, progress.end_step, progress.loss});
  };
  callbacks = guard_.begin_job(job.job.attempt, std::move(callbacks), stop_job_);
  const std::unique_ptr<Gang> gang = job.gang.empty() ? nullptr : gang_service_.join(job, callbacks.pulse);
  if (gang && stop_job_)
    gang_service_.stop_waiting(not_started(job.job.attempt, LossCause::drained));  // the stop came before it joined
  const JobEnd end = runner.run_job(job.job, stop_job_, callbacks, job.alone, gang.get());
  if (gang) gang_service_.leave(failed);
  guard_.end_job();
  {
    // Under one lock: a reader that sees that nothing runs also sees this report.
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    running_ = 0;
    const LossCause cause = leaving_ ? leave_cause_ : LossCause::drained;
    if (leading) {
      reports_.emplace_back(JobEnded{job.job.attempt, end == JobEnd::interrupted, true, guard_.progressed(), cause});
    }
  }
  has_report_.notify_one();
  if (wake_) wake_();
}

}  // namespace espalier
