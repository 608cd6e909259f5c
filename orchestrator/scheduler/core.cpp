// Which pools are connected, outcomes and ends of their attempts, pause and stop. Which rank gets which job is in
// core_hand_out.cpp, failures and losses are in core_losses.cpp, sweeps and their targets in core_sweeps.cpp.
#include "orchestrator/scheduler/core.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace espalier {
namespace {

constexpr std::size_t kMostWarningsReported = 20;

std::uint64_t rank_id(PoolId pool, int rank) {
  return static_cast<std::uint64_t>(pool) << 32 | static_cast<std::uint32_t>(rank);
}

}  // namespace

Core::Core(Options options)
    : stays_(options.stays),
      plan_(workload_.graph()),
      next_attempt_((static_cast<std::uint64_t>(options.generation) << 32) + 1) {}

Effects Core::on_pool_joined(PoolId pool, std::string name, int ranks, Now, std::vector<std::string> labels,
                             const std::string& owner) {
  Effects effects;
  PoolSlot& slot = roster_.join(pool, std::move(name), ranks);
  slot.owner = owner;
  slot.labels = std::move(labels);
  // A pool dismissed while it was silent did not receive the message.
  if (stopping_ || slot.draining || (finished() && !stays_)) effects.emplace_back(DismissPool{pool});
  return effects;
}

Effects Core::on_rank_ready(PoolId pool, int rank, RankFacts facts, const std::vector<std::uint64_t>& held, Now now) {
  Effects effects;
  RankSlot* slot = roster_.find(pool, rank);
  if (slot == nullptr) return effects;
  slot->environment = facts.environment;
  slot->host = std::move(facts.host);
  slot->gpu = std::move(facts.gpu);
  slot->memory_gb = facts.memory_gb;
  slot->aside = nodes_.is_aside(slot->host);
  adopt(pool, rank, held, effects, now);
  slot->ready = !roster_.find(pool)->draining;
  roster_.refresh(pool, rank);
  hand_out(effects, now);
  return effects;
}

Effects Core::drain_pool(PoolId pool, Now now) {
  Effects effects;
  PoolSlot* slot = roster_.find(pool);
  if (slot == nullptr) return effects;
  slot->draining = true;
  roster_.silence(pool);
  effects.emplace_back(DismissPool{pool});
  hand_out(effects, now);  // its reservation may move to another pool
  return effects;
}

Effects Core::on_stage_reached(PoolId pool, int rank, StageOutcome outcome, Now now) {
  Effects effects;
  const std::optional<StageIndex> found = workload_.find(outcome.key);
  if (!found) return effects;
  const StageIndex stage = *found;
  const RankSlot* slot = roster_.find(pool, rank);
  const EnvironmentId environment = slot == nullptr ? 0 : slot->environment;
  Attempt* attempt = roster_.find_attempt(outcome.attempt);
  if (attempt == nullptr) {
    // A late outcome of an attempt that was given up. Its failure was handled when it was given up.
    if (outcome.failure || !plan_.is_open(stage)) return effects;
    if (!is_given_up_by(pool, outcome.attempt, stage) || !plan_.has_its_inputs(stage)) {
      effects.emplace_back(ProtocolViolation{pool, "an outcome of " + name_of(stage) + ", which it was not given"});
      return effects;
    }
    accept(stage, std::move(outcome), environment, effects, now);
    recall_attempts_at(stage, effects);
  } else if (attempt->pool != pool || attempt->rank != rank) {
    effects.emplace_back(ProtocolViolation{pool, "an outcome of " + name_of(stage) + ", which another has"});
    return effects;
  } else if (attempt->all_reached() || attempt->stages[attempt->reached] != stage) {
    return effects;  // a duplicate
  } else if (outcome.failure) {
    attempt->failure = outcome.failure->cause;
    // If another attempt has finished the stage, this failure does not matter.
    if (plan_.is_open(stage)) on_failure(stage, outcome, pool, rank, effects, now);
  } else {
    ++attempt->reached;
    attempt->fraction = 0;
    const bool was_open = plan_.is_open(stage);
    accept(stage, std::move(outcome), environment, effects, now);
    if (!was_open) take_held_stages();
  }
  hand_out(effects, now);
  return effects;
}

bool Core::is_given_up_by(PoolId pool, std::uint64_t attempt, StageIndex stage) const {
  const auto lost = given_up_.find(attempt);
  const PoolSlot* slot = find_pool(pool);
  if (lost == given_up_.end() || slot == nullptr || lost->second.owner != slot->owner) return false;
  return std::ranges::find(lost->second.attempt.stages, stage) != lost->second.attempt.stages.end();
}

void Core::accept(StageIndex index, StageOutcome outcome, EnvironmentId environment, Effects& effects, Now now) {
  const Stage& stage = graph().stages[index];
  if (has(stage.kind, StageProperty::trains) && outcome.first_step < outcome.steps) {
    trained_cost_ += stage.cost;
    trained_seconds_ += outcome.wall_s;
  }
  ++activity_;
  plan_.on_done(index);
  blame_.settle(index);
  report_warnings(stage, outcome, effects);
  effects.emplace_back(Record{StageFinished{std::move(outcome), environment, now}});
}

/// Another attempt has finished this stage.
void Core::recall_attempts_at(StageIndex stage, Effects& effects) {
  std::set<std::uint64_t> numbers;  // sorted, unlike the table
  for (const auto& [number, attempt] : roster_.attempts()) {
    const std::vector<StageIndex> unreached = attempt.unreached();
    if (!attempt.recalled && std::ranges::find(unreached, stage) != unreached.end()) numbers.insert(number);
  }
  for (const std::uint64_t number : numbers) {
    Attempt& attempt = *roster_.find_attempt(number);
    attempt.recalled = true;
    ++recalled_;
    effects.emplace_back(SendStop{attempt.pool, attempt.rank, number});
  }
}

// All are in the store; an extreme sweep may have thousands.
void Core::report_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects) {
  for (const std::string& warning : outcome.warnings) {
    if (warnings_reported_ >= kMostWarningsReported) return;
    effects.emplace_back(
        Notice{fmt::format("warning: {} [{}]: {}", stage.label, to_hex(stage.key).substr(0, 12), warning)});
    if (++warnings_reported_ == kMostWarningsReported)
      effects.emplace_back(Notice{"further warnings are in the store (table stage_warnings)"});
  }
}

Effects Core::on_job_ended(PoolId pool, int rank, const AttemptEnd& end, Now now) {
  Effects effects;
  const Attempt* found = roster_.find_attempt(end.attempt);
  if (found == nullptr) return effects;
  if (found->pool != pool || found->rank != rank) {
    effects.emplace_back(ProtocolViolation{pool, fmt::format("the end of attempt {}, which another has", end.attempt)});
    return effects;
  }
  const Attempt attempt = *found;
  if (!end.interrupted) {
    measure_job(pool, rank, attempt, now);
    end_attempt(end.attempt, attempt.failure ? "failed" : "finished", "", attempt.failure, effects, now);
    hand_out(effects, now);
    return effects;
  }
  RankSlot* slot = roster_.find(attempt.pool, attempt.rank);
  if (!attempt.recalled && slot != nullptr) {
    // The core did not recall it: the rank was asked to leave, and takes no more jobs.
    slot->ready = false;
    roster_.refresh(attempt.pool, attempt.rank);
    PoolSlot& leaving = *roster_.find(attempt.pool);
    if (end.started)
      for (const StageIndex stage : attempt.unreached()) leaving.interrupted.emplace_back(now, stage);
  }
  end_attempt(end.attempt, end.started ? "interrupted" : "returned", "", end.cause, effects, now);
  if (end.started && !attempt.recalled && !attempt.all_reached()) {
    const StageIndex stage = attempt.stages[attempt.reached];
    if (plan_.is_open(stage) && blame_.on_interrupted(stage, end.progressed, policy(stage))) {
      FailureCharged charged;
      charged.attempt = end.attempt;
      charged.cause = end.cause;
      charged.pool = roster_.find(attempt.pool) == nullptr ? "" : roster_.find(attempt.pool)->name;
      charged.rank = attempt.rank;
      charged.message = fmt::format("it was interrupted {} times in a row ({}) before it could write a new checkpoint",
                                    policy(stage).without_progress, to_string(end.cause));
      quarantine(std::move(charged), stage, ErrorKind::unavailable, effects, now);
    }
  }
  hand_out(effects, now);
  return effects;
}

void Core::measure_job(PoolId pool, int rank, const Attempt& attempt, Now now) {
  ++jobs_finished_;
  // Measured from the end of the job before it, or from when it was sent if the rank was idle then.
  const auto last = last_end_.find(rank_id(pool, rank));
  const Now began = last == last_end_.end() ? attempt.sent_at : std::max(last->second, attempt.sent_at);
  mean_job_seconds_ = 0.8 * mean_job_seconds_ + 0.2 * std::max(0.0, now - began);
  last_end_[rank_id(pool, rank)] = now;
  if (const RankSlot* slot = roster_.find(pool, rank)) nodes_.on_finished(slot->host);
}

void Core::end_attempt(std::uint64_t number, const std::string& how, const std::string& why,
                       std::optional<LossCause> cause, Effects& effects, Now now) {
  ++activity_;
  const Attempt attempt = roster_.release(number);
  recalled_ -= attempt.recalled ? 1 : 0;
  PoolSlot* pool = roster_.find(attempt.pool);
  if (attempt.alone && pool != nullptr) roster_.reserve(attempt.pool, std::nullopt);
  std::vector<StageIndex> free = attempt.stages;  // without those handed out again
  std::erase_if(free, [&](StageIndex stage) { return roster_.pool_with(stage).has_value(); });
  plan_.give_back(free);
  effects.emplace_back(Record{AttemptEnded{number, how, why, now, cause}});
}

void Core::on_progress(PoolId pool, std::uint64_t attempt, double fraction) {
  Attempt* found = roster_.find_attempt(attempt);
  if (found != nullptr && found->pool == pool) found->fraction = std::clamp(fraction, 0.0, 1.0);
}

Effects Core::pause(const std::string& why) {
  Effects effects;
  if (paused_) return effects;
  paused_ = why;
  effects.emplace_back(Notice{"paused: " + why});
  return effects;
}

Effects Core::resume(Now now) {
  Effects effects;
  if (!paused_) return effects;
  paused_.reset();
  waits_for_space_ = false;
  effects.emplace_back(Notice{"going on"});
  hand_out(effects, now);
  return effects;
}

Effects Core::stop(Now) {
  Effects effects;
  stopping_ = true;
  dismiss_all_pools(effects);
  return effects;
}

void Core::dismiss_all_pools(Effects& effects) {
  if (std::exchange(dismissed_, true)) return;
  for (const auto& [id, pool] : roster_.pools()) effects.emplace_back(DismissPool{id});
}

std::string Core::name_of(StageIndex stage) const {
  return fmt::format("{} [{}]", graph().stages[stage].label, to_hex(graph().stages[stage].key).substr(0, 12));
}

const Stage* Core::find_stage(const StageKey& key) const {
  const std::optional<StageIndex> found = find(key);
  return found ? &graph().stages[*found] : nullptr;
}

Core::FileClaim Core::claim_of(PoolId pool, const StageKey& key) const {
  const std::optional<StageIndex> stage = find(key);
  if (!stage) return FileClaim::foreign;
  if (plan_.state(*stage) == StageState::done) return FileClaim::done;
  if (const std::optional<PoolId> holder = roster_.pool_with(*stage))
    return *holder == pool ? FileClaim::wanted : FileClaim::foreign;
  const bool was_its_own =
      std::ranges::any_of(given_up_, [&](const auto& entry) { return is_given_up_by(pool, entry.first, *stage); });
  return was_its_own ? FileClaim::wanted : FileClaim::foreign;
}

bool Core::is_done(const StageKey& key) const {
  const std::optional<StageIndex> found = find(key);
  return found && plan_.state(*found) == StageState::done;
}

}  // namespace espalier
