#include "orchestrator/pools/autoscaler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace espalier {
namespace {

/// How long the scheduler may need to list what was submitted.
constexpr double kUnlistedSeconds = 30;
/// How long it lists ended jobs, at least (MinJobAge, 300 s unless the site sets another).
constexpr double kListedSeconds = 120;
constexpr double kFirstPauseSeconds = 5, kLongestPauseSeconds = 300;
/// After pools that were sent no job.
constexpr double kFirstIdlePauseSeconds = 60, kLongestIdlePauseSeconds = 1800, kForgottenSeconds = 7200;

/// End states that are no failure of the pool: it completed, or was ended from outside.
constexpr std::array<std::string_view, 5> kHarmlessEndings{"COMPLETED", "CANCELLED", "PREEMPTED", "NODE_FAIL",
                                                           "REVOKED"};

/// Why one is queued.
constexpr std::array<std::string_view, 5> kUsualReasons{"", "None", "Priority", "Resources", "BeginTime"};

double submit_pause_seconds(int times, double first = kFirstPauseSeconds, double longest = kLongestPauseSeconds) {
  return std::min(longest, first * std::exp2(times - 1));
}

}  // namespace

std::int64_t Autoscaler::wanted(const OpenWork& work) const {
  if (work.finished) return 0;
  return std::clamp((work.ranks + limits_.ranks - 1) / limits_.ranks, limits_.least, limits_.most);
}

ScaleActions Autoscaler::decide(const OpenWork& work, const std::vector<BatchJobRow>& listing,
                                const std::function<PoolHistory(const std::string&)>& history, Now now) {
  ScaleActions actions;
  seconds_unseen_ = checked_at_ == 0 ? 0 : now - checked_at_;
  checked_at_ = now;
  count_ended(work, listing, history, now, actions);
  std::vector<std::string> queued;
  for (const BatchJobRow& row : listing) {
    if (row.state != AllocationState::queued) continue;
    queued.push_back(row.id);
    note_reason(row, actions);
  }
  // Those that are ending count: they may be requeued, or disappear soon.
  const auto alive = static_cast<std::int64_t>(known_.size());
  const std::int64_t goal = wanted(work);
  if (alive <= goal) surplus_since_ = -1;
  const std::int64_t missing = (now < beyond_least_after_ ? std::min(goal, limits_.least) : goal) - alive;
  if (missing > 0 && now >= submit_after_ && actions.give_up_on.empty()) {
    actions.submit = missing;
    actions.submit_to_stay = std::clamp<std::int64_t>(limits_.least - alive, 0, missing);
  }
  if (alive > goal) {
    if (surplus_since_ < 0) surplus_since_ = now;
    if (work.finished || now - surplus_since_ >= kSurplusSeconds) {
      // The youngest first: the others have waited longest.
      const auto count = std::min(queued.size(), static_cast<std::size_t>(alive - goal));
      actions.cancel.assign(queued.rbegin(), queued.rbegin() + static_cast<std::ptrdiff_t>(count));
    }
  }
  actions.done = work.finished && alive == 0;
  return actions;
}

void Autoscaler::count_ended(const OpenWork& work, const std::vector<BatchJobRow>& listing,
                             const std::function<PoolHistory(const std::string&)>& history, Now now,
                             ScaleActions& actions) {
  std::map<std::string, const BatchJobRow*> listed;
  for (const BatchJobRow& row : listing) {
    listed[row.id] = &row;
    if (row.state != AllocationState::ended) known_[row.id].listed = true;  // also those of an earlier command
  }
  for (auto known = known_.begin(); known != known_.end();) {
    const auto& [id, pool] = *known;
    const auto row = listed.find(id);
    const bool ended = row != listed.end() ? row->second->state == AllocationState::ended
                                           : pool.listed || now - pool.submitted_at > kUnlistedSeconds;
    if (!ended) {
      ++known;
      continue;
    }
    const std::string word = row != listed.end() ? row->second->word : "";
    const PoolHistory seen = history(id);
    if (seen == PoolHistory::joined && word == "COMPLETED" && !work.finished) {
      note_idle_end(id, pool.submitted_at, now, actions);
    } else {
      note_end(id, pool.submitted_at, word, seen, now, actions);
    }
    known = known_.erase(known);
  }
}

// Some never start: a limit of the partition, a quota.
void Autoscaler::note_reason(const BatchJobRow& row, ScaleActions& actions) {
  if (std::exchange(known_[row.id].reason, row.reason) == row.reason) return;
  if (std::ranges::find(kUsualReasons, row.reason) != kUsualReasons.end()) return;
  actions.lines.push_back(fmt::format("pool {} waits in the queue: {}", row.id, row.reason));
}

void Autoscaler::note_end(const std::string& id, Now submitted_at, const std::string& word, PoolHistory history,
                          Now now, ScaleActions& actions) {
  if (history == PoolHistory::worked) {
    idle_ends_ = 0;
    beyond_least_after_ = 0;
  }
  const std::string how = word.empty() ? "is not listed any more" : "ended: " + word;
  if (history != PoolHistory::unseen || std::ranges::find(kHarmlessEndings, word) != kHarmlessEndings.end()) {
    failures_ = 0;
    actions.lines.push_back(fmt::format("pool {} {}", id, how));
    return;
  }
  // It may have joined and done its work, or have started while the coordinator was down.
  if (trouble_ > 0 || (word.empty() && seconds_unseen_ > kListedSeconds)) {
    actions.lines.push_back(fmt::format("pool {} {}", id, how));
    return;
  }
  actions.lines.push_back(fmt::format("pool {} {}, before it joined the coordinator", id, how));
  if (failures_ > 0 && submitted_at < failed_at_) return;  // one bad node may have ended them all
  ++failures_;
  failed_at_ = now;
  submit_after_ = now + submit_pause_seconds(failures_);
  if (failures_ >= kMostFailures) actions.give_up_on = id;
}

// Several that were submitted together and left together count as one.
void Autoscaler::note_idle_end(const std::string& id, Now submitted_at, Now now, ScaleActions& actions) {
  failures_ = 0;
  if (now - idle_end_at_ > kForgottenSeconds) idle_ends_ = 0;
  if (idle_ends_ == 0 || submitted_at >= idle_end_at_) {
    idle_end_at_ = now;
    beyond_least_after_ = now + submit_pause_seconds(++idle_ends_, kFirstIdlePauseSeconds, kLongestIdlePauseSeconds);
  }
  actions.lines.push_back(fmt::format(
      "pool {} ended: COMPLETED, without ever having been given a job; the next beyond {} is submitted in {:.0f} s", id,
      limits_.least, beyond_least_after_ - now));
}

void Autoscaler::on_submitted(const std::string& id, Now now) {
  known_[id] = {now, false, {}};
}

void Autoscaler::on_trouble(Now now) {
  quiet_until_ = now + submit_pause_seconds(++trouble_);
}

}  // namespace espalier
