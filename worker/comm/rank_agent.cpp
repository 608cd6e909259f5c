#include "worker/comm/rank_agent.h"

#include <algorithm>
#include <utility>

#include "base/host_name.h"
#include "worker/environment.h"

namespace espalier {

RankAgent::RankAgent(WorkerSettings settings, std::string mpi_version, std::function<void()> wake)
    : settings_(std::move(settings)),
      mpi_version_(std::move(mpi_version)),
      wake_(std::move(wake)),
      thread_([this] { compute(); }) {}

RankAgent::~RankAgent() {
  leave(LossCause::drained);
  thread_.join();
}

void RankAgent::handle(std::vector<RankCommand> commands) {
  const std::lock_guard lock(mutex_);
  for (RankCommand& command : commands) {
    if (RunJob* run = std::get_if<RunJob>(&command)) {
      if (leaving_) {
        reports_.emplace_back(JobEnded{run->job.attempt, true, false, false, cause_});
      } else {
        jobs_.push_back(std::move(*run));
      }
    } else if (StopJob* stop = std::get_if<StopJob>(&command)) {
      give_back(stop->attempt);
    }
  }
  has_job_.notify_one();
}

void RankAgent::give_back(std::uint64_t attempt) {
  if (attempt == running_) {
    stop_job_ = true;
    return;
  }
  const auto waiting =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const RunJob& run) { return run.job.attempt == attempt; });
  if (waiting == jobs_.end()) return;  // it ended meanwhile
  jobs_.erase(waiting);
  reports_.emplace_back(JobEnded{attempt, true, false, false, LossCause::drained});
}

void RankAgent::introduce() {
  const std::lock_guard lock(mutex_);
  if (ready_) reports_.emplace_back(introduction());
}

RankReady RankAgent::introduction() const {
  RankReady ready{environment_, host_name(), {}};
  if (running_ != 0) ready.held.push_back(running_);
  for (const RunJob& run : jobs_) ready.held.push_back(run.job.attempt);
  return ready;
}

void RankAgent::leave(LossCause cause) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(leaving_, true)) cause_ = cause;
  for (const RunJob& run : std::exchange(jobs_, {}))
    reports_.emplace_back(JobEnded{run.job.attempt, true, false, false, cause_});
  stop_job_ = true;
  has_job_.notify_one();
}

bool RankAgent::idle() const {
  const std::lock_guard lock(mutex_);
  return ready_ && jobs_.empty() && running_ == 0 && reports_.empty();
}

std::vector<RankReport> RankAgent::take_reports() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return std::exchange(reports_, {});
}

void RankAgent::wait_for_reports(std::chrono::microseconds limit) {
  std::unique_lock lock(mutex_);
  has_report_.wait_for(lock, limit, [this] { return !reports_.empty(); });
}

void RankAgent::report(RankReport report) {
  {
    const std::lock_guard lock(mutex_);
    reports_.push_back(std::move(report));
  }
  has_report_.notify_one();
  if (wake_) wake_();
}

void RankAgent::compute() {
  try {
    compute_until_leaving();
  } catch (...) {
    // Outcomes carry what goes wrong with a job; this is about the rank itself, and the main thread's to tell.
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
  }
  if (wake_) wake_();
}

void RankAgent::compute_until_leaving() {
  JobRunner runner(settings_);
  std::string environment = describe_environment(mpi_version_, settings_.device);
  std::unique_lock lock(mutex_);
  environment_ = std::move(environment);
  reports_.emplace_back(introduction());
  ready_ = true;
  if (wake_) wake_();
  while (true) {
    has_job_.wait(lock, [this] { return leaving_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const RunJob command = std::move(jobs_.front());
    jobs_.pop_front();
    running_ = command.job.attempt;
    stop_job_ = leaving_;
    lock.unlock();
    run(command, runner);
    lock.lock();
  }
}

void RankAgent::run(const RunJob& command, JobRunner& runner) {
  const Job& job = command.job;
  constexpr auto kProgressInterval = std::chrono::seconds(1);
  std::chrono::steady_clock::time_point last_progress;
  JobCallbacks callbacks;
  bool progressed = false;
  callbacks.on_outcome = [&](StageOutcome outcome) {
    progressed = progressed || !outcome.failure;
    report(StageReached{std::move(outcome)});
  };
  callbacks.on_checkpoint = [&](bool newer) { progressed = progressed || newer; };
  callbacks.on_progress = [&](const StageProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_progress < kProgressInterval) return;
    last_progress = now;
    report(JobProgress{progress.attempt, progress.key, progress.step, progress.end_step, progress.loss});
  };
  const JobEnd end = runner.run_job(job, stop_job_, callbacks);
  {
    // In one step: whoever sees that nothing runs sees this report too.
    const std::lock_guard lock(mutex_);
    running_ = 0;
    reports_.emplace_back(JobEnded{job.attempt, end == JobEnd::interrupted, true, progressed, cause_});
  }
  has_report_.notify_one();
  if (wake_) wake_();
}

}  // namespace espalier
