#include "orchestrator/virtual_pools.h"

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
  VirtualRank* rank = find(job.pool, job.rank);
  if (rank == nullptr) return;
  rank->jobs.push_back({job.attempt, std::move(job.stages)});
  if (rank->jobs.size() == 1) begin_stage(job.pool, job.rank, now);
}

void VirtualPools::on(const StopArrives& stop, double now) {
  VirtualRank* rank = find(stop.pool, stop.rank);
  if (rank == nullptr) return;
  const auto job = std::find_if(rank->jobs.begin(), rank->jobs.end(),
                                [&](const HeldJob& one) { return one.attempt == stop.attempt; });
  if (job == rank->jobs.end()) return;  // it was quicker
  const bool runs = job == rank->jobs.begin();
  if (runs) interrupt_running(*rank, now, false);
  rank->jobs.erase(job);
  say_end(stop.pool, stop.rank, stop.attempt, true, runs, now);
  if (runs && !rank->jobs.empty()) begin_stage(stop.pool, stop.rank, now);
}

void VirtualPools::on(const LeaveArrives& leave, double now) {
  const auto found = pools_.find(leave.pool);
  if (found == pools_.end()) return;
  for (int rank = 0; rank < settings_.ranks; ++rank) {
    VirtualRank& leaving = found->second[static_cast<std::size_t>(rank)];
    if (!leaving.jobs.empty()) interrupt_running(leaving, now, false);
    for (const HeldJob& job : leaving.jobs)
      say_end(leave.pool, rank, job.attempt, true, &job == &leaving.jobs.front(), now);
  }
  pools_.erase(found);
  events_.schedule(now + settings_.latency_s, PoolHasLeft{leave.pool});
}

void VirtualPools::on(const StageEnds& end, double now) {
  VirtualRank* rank = find(end.pool, end.rank);
  if (rank == nullptr || rank->jobs.empty()) return;
  HeldJob& job = rank->jobs.front();
  if (job.attempt != end.attempt || job.stages[job.at] != end.stage) return;  // it was interrupted before
  computed_s_ += now - rank->began;
  behind_.erase(end.stage);
  events_.schedule(now + settings_.latency_s, StageIsReached{end.pool, end.rank, end.attempt, end.stage});
  if (++job.at == job.stages.size()) {
    rank->jobs.pop_front();
    say_end(end.pool, end.rank, end.attempt, false, true, now);
  }
  if (!rank->jobs.empty()) begin_stage(end.pool, end.rank, now);
}

void VirtualPools::begin_stage(PoolId pool, int rank, double now) {
  VirtualRank& runner = *find(pool, rank);
  const HeldJob& job = runner.jobs.front();
  const StageIndex stage = job.stages[job.at];
  const auto behind = behind_.find(stage);
  const double left_s = seconds_[stage] - (behind == behind_.end() ? 0 : behind->second);
  runner.began = now;
  events_.schedule(now + left_s, StageEnds{pool, rank, job.attempt, stage});
}

void VirtualPools::interrupt_running(VirtualRank& rank, double now, bool at_checkpoint_only) {
  const HeldJob& job = rank.jobs.front();
  const StageIndex stage = job.stages[job.at];
  const double spent_s = now - rank.began;
  double kept_s = 0;
  if (graph_.stages[stage].kind == StageKind::train) {
    const double every_s = settings_.checkpoint_every_s;
    kept_s = at_checkpoint_only ? every_s * std::floor(spent_s / every_s) : spent_s;
    behind_[stage] += kept_s;
  }
  computed_s_ += spent_s;
  wasted_s_ += spent_s - kept_s;
}

void VirtualPools::say_end(PoolId pool, int rank, std::uint64_t attempt, bool interrupted, bool started, double now) {
  events_.schedule(now + settings_.latency_s, AttemptEnds{pool, rank, attempt, interrupted, started});
}

}  // namespace espalier
