// Sweeps and their targets. Equal stages of several sweeps are one stage; its urgency is that of the most urgent sweep
// that needs it. Every change of the targets calls replan.
#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/scheduler/core.h"

namespace espalier {

Effects Core::add_sweep(SweepToRun sweep, Now now) {
  Effects effects;
  const std::vector<bool> done = std::move(sweep.done), failed = std::move(sweep.failed);
  const std::vector<OpenCharge> charges = std::move(sweep.charges);
  const std::size_t known = graph().stages.size();
  const std::vector<StageIndex> to = workload_.add(sweep);
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool is_failed = i < failed.size() && failed[i];
    if (to[i] >= known && done[i]) plan_.set_done(to[i]);  // for known stages the plan is newer than the database
    if (to[i] >= known && is_failed) plan_.set_failed(to[i]);
    if (to[i] < known && !is_failed) plan_.forgive(to[i]);
  }
  for (const OpenCharge& charge : charges) {
    if (to[charge.stage] >= known) blame_.charge(to[charge.stage], charge.cause, charge.host, sweep.policy);
  }
  replan(effects, now);
  return effects;
}

Effects Core::cancel_sweep(SweepId id, Now now) {
  Effects effects;
  if (Workload::Sweep* sweep = workload_.find_active(id)) end_sweep(*sweep, SweepEnd::cancelled, effects, now);
  return effects;
}

/// Later outcomes of shared stages do not count for it.
void Core::close(Workload::Sweep& sweep, SweepEnd how, Effects& effects) {
  const SweepStatus status = sweep_status(sweep);
  sweep.outcome = {status.trials_done, status.trials_failed, status.trials_blocked};
  sweep.end = how;
  effects.emplace_back(SweepEnded{sweep.id, how});
}

void Core::end_sweep(Workload::Sweep& sweep, SweepEnd how, Effects& effects, Now now) {
  close(sweep, how, effects);
  replan(effects, now);
}

Effects Core::pause_sweep(SweepId id, Now now) {
  Effects effects;
  Workload::Sweep* sweep = workload_.find_active(id);
  if (sweep != nullptr && !std::exchange(sweep->paused, true)) replan(effects, now);
  return effects;
}

Effects Core::resume_sweep(SweepId id, Now now) {
  Effects effects;
  Workload::Sweep* sweep = workload_.find_active(id);
  if (sweep != nullptr && std::exchange(sweep->paused, false)) replan(effects, now);
  return effects;
}

Effects Core::set_priority(SweepId id, int priority, Now now) {
  Effects effects;
  Workload::Sweep* sweep = workload_.find_active(id);
  if (sweep != nullptr && std::exchange(sweep->priority, priority) != priority) replan(effects, now);
  return effects;
}

bool Core::is_worth_forgetting() const {
  constexpr std::size_t kMany = 5000;
  // Pools may still hold what they held before.
  return stays_ && workload_.unneeded() >= kMany + 2 * kept_unneeded_ &&
         2 * workload_.unneeded() >= graph().stages.size();
}

Effects Core::forget(Now now) {
  Effects effects;
  std::vector<bool> kept(graph().stages.size(), false);
  roster_.name_stages(kept);
  const Renumbering to = workload_.forget(std::move(kept));
  plan_.renumber(to);
  roster_.renumber(to);
  blame_.renumber(to);
  nodes_.renumber(to);
  to.apply(inputs_made_again_);
  // A pool that reconnects with an attempt of an ended sweep gets a SendStop.
  std::erase_if(given_up_, [&](const auto& one) {
    return std::ranges::any_of(one.second.attempt.stages, [&](StageIndex stage) { return !to.has(stage); });
  });
  for (auto& [number, lost] : given_up_) to.apply(lost.attempt.stages);
  replan(effects, now);
  kept_unneeded_ = workload_.unneeded();
  return effects;
}

void Core::replan(Effects& effects, Now now) {
  const std::int64_t open_before = plan_.open_count();
  plan_.replan(workload_.targets(), workload_.groups());
  stages_to_do_ += plan_.open_count() - open_before;
  for (Workload::Sweep& sweep : workload_.sweeps()) sweep.settled = 0;
  take_held_stages();
  recall_unwanted(effects);
  hand_out(effects, now);
}

/// Stages that are no longer blocked by a failure may still be held by an attempt.
void Core::take_held_stages() {
  for (const auto& [pool_id, pool] : roster_.pools()) {
    for (const RankSlot& rank : pool.ranks) {
      for (const std::uint64_t number : rank.queue) {
        const Attempt& attempt = *roster_.find_attempt(number);
        if (!attempt.recalled) plan_.take_again(attempt.unreached());
      }
    }
  }
}

/// Recalls running attempts of cancelled sweeps, and queued attempts of paused ones.
void Core::recall_unwanted(Effects& effects) {
  for (const auto& [pool_id, pool] : roster_.pools()) {
    for (const RankSlot& rank : pool.ranks) {
      for (const std::uint64_t number : rank.queue) {
        Attempt& attempt = *roster_.find_attempt(number);
        const std::vector<StageIndex> unreached = attempt.unreached();
        const bool waits = number != rank.queue.front();
        const bool wanted = std::ranges::any_of(
            unreached, [&](StageIndex stage) { return plan_.is_open(stage) && !(waits && plan_.is_held(stage)); });
        if (wanted || unreached.empty() || attempt.recalled) continue;
        attempt.recalled = true;
        ++recalled_;
        effects.emplace_back(SendStop{pool_id, attempt.rank, number});
      }
    }
  }
}

// A settled result stays settled until the next replan, so the search continues where it stopped.
void Core::settle_sweeps(Effects& effects, Now now) {
  bool leaves_some = false;
  for (Workload::Sweep& sweep : workload_.sweeps()) {
    if (sweep.end) continue;
    while (sweep.settled < sweep.results.size() && !plan_.is_open(sweep.results[sweep.settled])) ++sweep.settled;
    if (sweep.settled < sweep.results.size()) continue;
    close(sweep, SweepEnd::finished, effects);
    const auto done = [&](StageIndex stage) { return plan_.state(stage) == StageState::done; };
    leaves_some = leaves_some || !std::ranges::all_of(sweep.results, done);
  }
  // Inputs of a result that cannot be computed may still be open: unneeded, or needed by another sweep.
  if (leaves_some) replan(effects, now);
}

/// No connected pool satisfies the demand of any ready job. Warns once, until a job runs again.
void Core::warn_unschedulable(Effects& effects, Now now) {
  constexpr double kWorthSaying = 5;
  const bool in_vain = plan_.has_ready() && idle() && roster_.idle_ranks() > 0 && !paused_ && !stopping_;
  if (!in_vain) {
    unschedulable_since_.reset();
    return;
  }
  if (!unschedulable_since_) unschedulable_since_ = now;
  if (now - *unschedulable_since_ < kWorthSaying) return;
  unschedulable_since_ = std::numeric_limits<Now>::infinity();
  const StageIndex stage = *plan_.most_urgent();
  const Demand& demand = workload_.demand(plan_.group(stage));
  std::string asked = fmt::format("{} rank{} of one pool", demand.ranks, demand.ranks == 1 ? "" : "s");
  const Resources& resources = demand.resources;
  if (resources.gpus > 0) asked += fmt::format(", with {} of a GPU each", resources.gpus);
  if (resources.memory_gb > 0) asked += fmt::format(", with {} GB each", resources.memory_gb);
  if (!resources.label.empty()) asked += ", with the label " + resources.label;
  effects.emplace_back(
      Notice{fmt::format("{} waits for {}, and no pool here has that; it goes on when one joins "
                         "(espalier ps --pools shows what is here)",
                         name_of(stage), asked)});
}

const PoolSlot* Core::find_pool(PoolId pool) const {
  const auto found = roster_.pools().find(pool);
  return found == roster_.pools().end() ? nullptr : &found->second;
}

std::vector<Core::RunningJob> Core::running_jobs(std::size_t most) const {
  std::vector<RunningJob> jobs;
  for (const auto& [id, pool] : roster_.pools()) {
    for (std::size_t rank = 0; rank < pool.ranks.size(); ++rank) {
      for (const std::uint64_t number : pool.ranks[rank].queue) {
        const Attempt& attempt = roster_.attempts().at(number);
        if (attempt.all_reached() || attempt.rank != static_cast<int>(rank)) continue;
        if (jobs.size() == most) return jobs;
        const StageIndex present = attempt.stages[attempt.reached];
        const Stage& stage = graph().stages[present];
        jobs.push_back({number, stage.label, stage.key, workload_.owner(present).name, pool.name, pool.ranks[rank].host,
                        attempt.rank, static_cast<int>(attempt.ranks().size()), attempt.sent_at,
                        number != pool.ranks[rank].queue.front(), attempt.fraction});
      }
    }
  }
  return jobs;
}

std::vector<WaitingJobs> Core::waiting_jobs() const {
  std::vector<WaitingJobs> waiting;
  if (paused_ || stopping_) return waiting;
  const std::vector<std::int64_t> counts = plan_.ready_counts();
  for (std::size_t group = 0; group < counts.size(); ++group) {
    const Demand& demand = workload_.demand(static_cast<StageGroup>(group));
    const bool waits_for_an_idle_host = demand.alone_on_host && roster_.could_take(demand);
    if (counts[group] > 0 && !waits_for_an_idle_host) waiting.push_back({demand, counts[group]});
  }
  return waiting;
}

SweepStatus Core::sweep_status(const Workload::Sweep& sweep) const {
  SweepStatus status;
  status.trials = static_cast<std::int64_t>(sweep.trials);
  if (sweep.outcome) {
    status.trials_done = sweep.outcome->done;
    status.trials_failed = sweep.outcome->failed;
    status.trials_blocked = sweep.outcome->blocked;
    return status;
  }
  for (std::size_t i = 0; i < sweep.trials; ++i) {
    const StageState state = plan_.state(graph().trials[sweep.first_trial + i].evaluate);
    status.trials_done += state == StageState::done ? 1 : 0;
    status.trials_failed += state == StageState::failed || state == StageState::blocked ? 1 : 0;
    status.trials_blocked += state == StageState::blocked ? 1 : 0;
  }
  return status;
}

SweepStatus Core::status() const {
  SweepStatus status;
  for (const Workload::Sweep& sweep : workload_.sweeps()) {
    if (stays_ && sweep.end) continue;
    const SweepStatus one = sweep_status(sweep);
    status.trials += one.trials;
    status.trials_done += one.trials_done;
    status.trials_failed += one.trials_failed;
    status.trials_blocked += one.trials_blocked;
  }
  status.jobs_finished = jobs_finished_;
  for (const auto& [id, pool] : roster_.pools()) {
    for (std::size_t rank = 0; rank < pool.ranks.size(); ++rank) {
      const RankSlot& slot = pool.ranks[rank];
      status.ranks += slot.ready ? 1 : 0;
      // A gang's job is counted at its first rank.
      if (!slot.queue.empty() && roster_.attempts().at(slot.queue.front()).rank == static_cast<int>(rank))
        ++status.jobs_running;
    }
  }
  status.stages_ready = plan_.ready_count();
  status.stages = std::max(stages_to_do_, plan_.open_count());  // some may be reopened
  status.stages_done = status.stages - plan_.open_count();
  status.stages_failed = plan_.failed_count();
  status.remaining_cost = plan_.remaining_cost();
  for (const auto& [number, attempt] : roster_.attempts()) {
    if (attempt.all_reached()) continue;
    status.remaining_cost -= attempt.fraction * graph().stages[attempt.stages[attempt.reached]].cost;
  }
  status.critical_path_cost = plan_.critical_path_cost();
  if (trained_cost_ > 0) status.seconds_per_cost = trained_seconds_ / trained_cost_;
  status.paused = paused_.value_or("");
  return status;
}

}  // namespace espalier
