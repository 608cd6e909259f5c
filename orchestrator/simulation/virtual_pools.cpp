#include "orchestrator/simulation/virtual_pools.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/random.h"

namespace espalier {

VirtualPools::VirtualRank* VirtualPools::find(PoolId pool, int rank) {
  const auto found = pools_.find(pool);
  return found == pools_.end() ? nullptr : &found->second[static_cast<std::size_t>(rank)];
}

// A pool's lifetime is drawn from a stream of its own, so that how pools die does not depend on how they are used.
void VirtualPools::on(const PoolStarts&, double now) {
  const PoolId pool = next_pool_++;
  pools_[pool].resize(static_cast<std::size_t>(settings_.ranks));
  events_.schedule(now + settings_.latency_s, PoolJoins{pool});
  if (settings_.losses_per_hour <= 0) return;
  const double mean_s = 3600 / settings_.losses_per_hour;
  const double lifetime_s = -mean_s * std::log1p(-RandomStream(settings_.seed, "pool_lifetime", pool).uniform());
  events_.schedule(now + lifetime_s, PoolDies{pool});
}

void VirtualPools::on(const PoolDies& death, double now) {
  const auto found = pools_.find(death.pool);
  if (found == pools_.end()) return;
  for (VirtualRank& rank : found->second) {
    if (!rank.jobs.empty()) interrupt_running(rank, now, true);
  }
  pools_.erase(found);
  ++deaths_;
  events_.schedule(now + settings_.latency_s, PoolFallsSilent{death.pool});
  events_.schedule(now + settings_.latency_s + settings_.silence_s, PoolIsGivenUp{death.pool});
  events_.schedule(now + settings_.rejoin_s, PoolStarts{});
}

void VirtualPools::on(JobArrives job, double now) {
  if (find(job.pool, job.rank) == nullptr) return;
  for (const int member : job.gang) {
    if (member != job.rank) find(job.pool, member)->jobs.push_back({job.attempt, {}, {}});
  }
  VirtualRank& leader = *find(job.pool, job.rank);
  leader.jobs.push_back({job.attempt, std::move(job.stages), std::move(job.gang)});
  if (leader.jobs.size() == 1) begin_stage(job.pool, job.rank, now);
}

void VirtualPools::on(const StopArrives& stop, double now) {
  VirtualRank* rank = find(stop.pool, stop.rank);
  if (rank == nullptr) return;
  const auto job = std::ranges::find(rank->jobs, stop.attempt, &HeldJob::attempt);
  if (job == rank->jobs.end()) return;  // it was quicker
  const bool runs = job == rank->jobs.begin();
  if (runs) interrupt_running(*rank, now, false);
  end_job(stop.pool, stop.rank, *job, true, runs, now);
}

void VirtualPools::on(const LeaveArrives& leave, double now) {
  const auto found = pools_.find(leave.pool);
  if (found == pools_.end()) return;
  for (int rank = 0; rank < settings_.ranks; ++rank) {
    VirtualRank& leaving = found->second[static_cast<std::size_t>(rank)];
    if (!leaving.jobs.empty()) interrupt_running(leaving, now, false);
    for (const HeldJob& job : leaving.jobs) {
      const bool runs = &job == &leaving.jobs.front();
      if (!job.stages.empty())
        events_.schedule(now + settings_.latency_s, AttemptEnds{leave.pool, rank, job.attempt, true, runs});
    }
  }
  pools_.erase(found);
  events_.schedule(now + settings_.latency_s, PoolHasLeft{leave.pool});
}

void VirtualPools::on(const StageEnds& end, double now) {
  VirtualRank* rank = find(end.pool, end.rank);
  if (rank == nullptr || rank->jobs.empty()) return;
  HeldJob& job = rank->jobs.front();
  if (job.attempt != end.attempt || job.stages[job.at] != end.stage) return;  // it was interrupted before
  computed_s_ += (now - rank->began) * static_cast<double>(job.gang.size());
  behind_.erase(end.stage);
  events_.schedule(now + settings_.latency_s, StageIsReached{end.pool, end.rank, end.attempt, end.stage});
  if (++job.at == job.stages.size()) {
    end_job(end.pool, end.rank, job, false, true, now);
  } else {
    begin_stage(end.pool, end.rank, now);
  }
}

/// The ranks that held it go on with what they hold next.
void VirtualPools::end_job(PoolId pool, int rank, HeldJob job, bool interrupted, bool started, double now) {
  events_.schedule(now + settings_.latency_s, AttemptEnds{pool, rank, job.attempt, interrupted, started});
  for (const int member : job.gang) {
    std::deque<HeldJob>& jobs = find(pool, member)->jobs;
    const bool was_first = jobs.front().attempt == job.attempt;
    std::erase_if(jobs, [&](const HeldJob& held) { return held.attempt == job.attempt; });
    if (was_first && !jobs.empty()) begin_stage(pool, member, now);
  }
}

void VirtualPools::begin_stage(PoolId pool, int rank, double now) {
  VirtualRank& runner = *find(pool, rank);
  const HeldJob& job = runner.jobs.front();
  if (job.stages.empty()) return;
  const StageIndex stage = job.stages[job.at];
  const auto behind = behind_.find(stage);
  const double left_s = seconds_[stage] - (behind == behind_.end() ? 0 : behind->second);
  runner.began = now;
  events_.schedule(now + left_s, StageEnds{pool, rank, job.attempt, stage});
}

void VirtualPools::interrupt_running(VirtualRank& rank, double now, bool at_checkpoint_only) {
  const HeldJob& job = rank.jobs.front();
  if (job.stages.empty()) return;
  const StageIndex stage = job.stages[job.at];
  const double spent_s = now - rank.began;
  double kept_s = 0;
  if (has(graph_.stages[stage].kind, StageProperty::trains)) {
    const double every_s = settings_.checkpoint_every_s;
    kept_s = at_checkpoint_only ? every_s * std::floor(spent_s / every_s) : spent_s;
    behind_[stage] += kept_s;
  }
  const auto ranks = static_cast<double>(job.gang.size());
  computed_s_ += spent_s * ranks;
  wasted_s_ += (spent_s - kept_s) * ranks;
}

}  // namespace espalier
