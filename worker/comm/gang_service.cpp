#include "worker/comm/gang_service.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <sys/prctl.h>

#include <spdlog/spdlog.h>

namespace espalier {

/// A member's view of the service, while its run lasts.
class ServiceGang : public Gang {
 public:
  ServiceGang(GangService& service, std::vector<int> ranks, int rank, Pulse* pulse)
      : service_(service),
        ranks_(std::move(ranks)),
        member_(static_cast<int>(std::ranges::find(ranks_, rank) - ranks_.begin())),
        pulse_(pulse) {}

  const std::vector<int>& ranks() const override { return ranks_; }
  int member() const override { return member_; }
  Ticket sum(std::shared_ptr<float> values, std::size_t count) override {
    return service_.ask(std::move(values), count, false);
  }
  Ticket sum(std::shared_ptr<double> values, std::size_t count) override {
    return service_.ask(std::move(values), count, true);
  }
  void wait(Ticket ticket) override { service_.wait(ticket, pulse_); }
  void give_up() override { service_.give_up(); }

 private:
  GangService& service_;
  const std::vector<int> ranks_;
  const int member_;
  Pulse* const pulse_;
};

GangService::GangService(Mailbox& mailbox, std::function<void()> nudge) : mailbox_(mailbox), nudge_(std::move(nudge)) {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // ns: the sleeps between polls of a sum are shorter than the usual 50 us
}

std::unique_ptr<Gang> GangService::join(const RunJob& job, Pulse* pulse) {
  {
    const std::lock_guard lock(mutex_);
    run_.emplace(Run{job});
    const auto broken = broken_.find(job.job.attempt);
    run_->broken = closed_ || broken != broken_.end();
    if (broken != broken_.end()) run_->failure = broken->second;
    broken_.clear();
  }
  nudge_();
  return std::make_unique<ServiceGang>(*this, job.gang, mailbox_.rank(), pulse);
}

void GangService::leave(const std::optional<StageOutcome>& failed) {
  {
    const std::scoped_lock lock(communicators_mutex_, mutex_);
    const RunJob& job = run_->job;
    if (failed && !run_->broken) {
      const std::vector<RankReport> reports{StageReached{*failed}};
      notify_members(job, {GangNote::Kind::broken, job.job.attempt, 0, encode(reports)});
    }
    if (failed || run_->broken || communicators_.any_open()) communicators_.drop(job.gang);
    ready_.erase(job.job.attempt);
    run_.reset();
  }
  nudge_();
}

void GangService::decline(const RunJob& job, const JobEnded& why) {
  const std::lock_guard lock(mutex_);
  const std::vector<RankReport> reports{why};
  notify_members(job, {GangNote::Kind::broken, job.job.attempt, 0, encode(reports)});
  ready_.erase(job.job.attempt);
}

// A member may not leave by itself: if the leader has just sent go, it already waits for all members in MPI.
void GangService::stop_waiting(const JobEnded& why) {
  const std::lock_guard lock(mutex_);
  if (!run_ || run_->job.job.attempt != why.attempt || run_->connected || run_->broken) return;
  const int leader = run_->job.gang.front();
  if (leader == mailbox_.rank()) {
    break_up(why);
  } else {
    outbox_.emplace_back(leader, GangNote{GangNote::Kind::withdraw, why.attempt});
  }
}

void GangService::refuse(int rank, const JobEnded& why) {
  const std::lock_guard lock(mutex_);
  const std::vector<RankReport> reports{why};
  outbox_.emplace_back(rank, GangNote{GangNote::Kind::broken, why.attempt, 0, encode(reports)});
  ready_.erase(why.attempt);
}

void GangService::give_up() {
  {
    const std::lock_guard lock(mutex_);
    if (!run_->broken) break_up({run_->job.job.attempt, true});
  }
  nudge_();
}

void GangService::break_up(const JobEnded& why) {
  const std::vector<RankReport> reports{why};
  notify_members(run_->job, {GangNote::Kind::broken, why.attempt, 0, encode(reports)});
  run_->broken = true;
  changed_.notify_all();
}

Gang::Ticket GangService::ask(std::shared_ptr<void> values, std::size_t count, bool is_double) {
  Gang::Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++run_->last;
    run_->asked.push_back({ticket, std::move(values), count, is_double});
  }
  nudge_();
  return ticket;
}

void GangService::wait(Gang::Ticket ticket, Pulse* pulse) {
  constexpr std::chrono::milliseconds kBeatEvery{100};
  std::unique_lock lock(mutex_);
  while (run_->finished.erase(ticket) == 0) {
    if (run_->broken) throw GangBroken(run_->failure);
    if (changed_.wait_for(lock, kBeatEvery) == std::cv_status::timeout && pulse != nullptr) pulse->beat();
  }
}

void GangService::notify_members(const RunJob& job, GangNote note) {
  for (const int rank : job.gang) {
    if (rank != mailbox_.rank()) outbox_.emplace_back(rank, note);
  }
}

void GangService::announce() {
  const std::uint64_t attempt = run_->job.job.attempt;
  const int leader = run_->job.gang.front();
  const std::uint64_t communicator = communicators_.number(run_->job.gang);
  run_->announced = true;
  if (leader != mailbox_.rank()) {
    outbox_.emplace_back(leader, GangNote{GangNote::Kind::ready, attempt, communicator});
    return;
  }
  ready_[attempt][leader] = communicator;
  const std::vector<RankCommand> commands{run_->job};
  notify_members(run_->job, {GangNote::Kind::call, attempt, 0, encode(commands)});
}

/// They use the communicator that all of them have, or make one with a number that none of them has.
void GangService::go_if_all_are_ready() {
  const std::uint64_t attempt = run_->job.job.attempt;
  const auto ready = ready_.find(attempt);
  if (ready == ready_.end() || ready->second.size() < run_->job.gang.size()) return;
  std::uint64_t least = UINT64_MAX, most = 0;
  for (const auto& [rank, communicator] : ready->second) {
    least = std::min(least, communicator);
    most = std::max(most, communicator);
  }
  const std::uint64_t communicator = least == most && most > 0 ? most : most + 1;
  for (const int rank : run_->job.gang) {
    if (rank != mailbox_.rank())
      mailbox_.post(rank, MailTag::gang, encode(GangNote{GangNote::Kind::go, attempt, communicator}));
  }
  communicators_.connect(run_->job.gang, communicator);
  run_->connected = true;
}

void GangService::on_ready(int rank, const GangNote& note) {
  const std::lock_guard lock(mutex_);
  ready_[note.attempt][rank] = note.communicator;
}

void GangService::on_go(const GangNote& note) {
  const std::scoped_lock lock(communicators_mutex_, mutex_);
  if (!run_ || run_->job.job.attempt != note.attempt) {
    spdlog::error("attempt {}: its gang begins without this rank", note.attempt);
    return;
  }
  communicators_.connect(run_->job.gang, note.communicator);
  run_->connected = true;
}

void GangService::on_broken(int rank, const GangNote& note) {
  std::optional<Failure> failure;
  for (const RankReport& report : decode_reports(note.bytes)) {
    const StageReached* reached = std::get_if<StageReached>(&report);
    if (reached == nullptr || !reached->outcome.failure) continue;
    failure = reached->outcome.failure;
    failure->message = "rank " + std::to_string(rank) + " of the gang: " + failure->message;
  }
  const std::lock_guard lock(mutex_);
  if (!run_ || run_->job.job.attempt != note.attempt) {
    broken_.emplace(note.attempt, std::move(failure));
  } else if (!run_->broken) {
    run_->broken = true;
    run_->failure = std::move(failure);
    changed_.notify_all();
  }
}

void GangService::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (run_) run_->broken = true;
  changed_.notify_all();
}

std::vector<GangCommunicators::Sum> GangService::take_asked() {
  const std::lock_guard lock(mutex_);
  if (run_ && !run_->announced) announce();
  for (auto& [rank, note] : std::exchange(outbox_, {})) mailbox_.post(rank, MailTag::gang, encode(note));
  if (!run_ || run_->broken) return {};
  if (!run_->connected && run_->job.gang.front() == mailbox_.rank()) go_if_all_are_ready();
  if (!run_->connected) return {};
  return std::exchange(run_->asked, {});
}

bool GangService::turn() {
  const std::lock_guard communicators_lock(communicators_mutex_);
  for (GangCommunicators::Sum& sum : take_asked()) communicators_.begin(run_->job.gang, std::move(sum));
  const std::vector<Gang::Ticket> finished = communicators_.finished();
  if (!finished.empty()) {
    const std::lock_guard lock(mutex_);
    run_->finished.insert(finished.begin(), finished.end());
    changed_.notify_all();
  }
  return communicators_.any_open();
}

}  // namespace espalier
