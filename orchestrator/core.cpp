// The core keeps, for each rank, the queue of attempts it was handed, in the order it runs them. So "running" needs no
// message: it is the front of the queue, and when a pool is lost only fronts are suspects. Ready jobs go to the rank
// with the shortest queue. One job waits behind the running one, so that no rank waits for a round trip; when jobs are
// shorter than a round trip, more of them wait. A job that waits while another rank is idle is taken back for it.
// What happens when something goes wrong is in core_losses.cpp.
#include "orchestrator/core.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace espalier {
namespace {

constexpr std::size_t kMostWarningsTold = 20;
/// Jobs worth this much time wait at a rank: a few round trips through the gateway, and a commit of the store.
constexpr double kQueuedSeconds = 0.05;
constexpr std::size_t kDeepestQueue = 256;
/// Below this a waiting job is not worth taking back.
constexpr double kWorthMovingSeconds = 0.2;

std::uint64_t rank_id(PoolId pool, int rank) {
  return static_cast<std::uint64_t>(pool) << 32 | static_cast<std::uint32_t>(rank);
}

}  // namespace

Core::Core(Options options)
    : stays_(options.stays),
      plan_(workload_.graph()),
      next_attempt_((static_cast<std::uint64_t>(options.generation) << 32) + 1) {}

Effects Core::on_pool_joined(PoolId pool, std::string name, int ranks, Now, std::vector<std::string> labels) {
  Effects effects;
  PoolSlot& slot = roster_.join(pool, std::move(name), ranks);
  slot.labels = std::move(labels);
  // Who was told to leave while it was silent did not hear it.
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

Effects Core::drain_pool(PoolId pool) {
  Effects effects;
  PoolSlot* slot = roster_.find(pool);
  if (slot == nullptr) return effects;
  slot->draining = true;
  roster_.silence(pool);
  effects.emplace_back(DismissPool{pool});
  return effects;
}

std::size_t Core::queue_depth() const {
  const double wanted = kQueuedSeconds / std::max(mean_job_seconds_, 1e-6);
  return 1 + std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, kDeepestQueue);
}

bool Core::has_suspect(PoolId pool) const {
  return std::any_of(blame_.suspects().begin(), blame_.suspects().end(),
                     [&](StageIndex stage) { return roster_.pool_with(stage) == pool; });
}

// Stages of one group ask the same of a pool. A group for which no rank is left waits; the others go on.
void Core::hand_out(Effects& effects, Now now) {
  if (stopping_) return;
  if (finished()) {
    if (!stays_) dismiss_everybody(effects);
    return;
  }
  if (paused_) return;
  hand_out_alone(effects, now);
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const std::optional<StageIndex> stage = roster_.find(id)->reserved;
    const bool waits = stage && plan_.is_available(*stage) && !blame_.must_be_alone(*stage);
    if (waits) hand_out_gang(*stage, effects, now);
  }
  const std::size_t depth = queue_depth();
  std::set<StageGroup> waiting;
  std::set<PoolId> closed;  // what is left is suspect, and so is something they run
  while (const std::optional<StageIndex> first = plan_.most_urgent(waiting)) {
    const StageGroup group = plan_.group(*first);
    const Demand& demand = workload_.demand(group);
    if (demand.ranks > 1) {
      if (!hand_out_gang(*first, effects, now)) waiting.insert(group);
      continue;
    }
    const auto place = roster_.idlest(depth, closed, demand);
    if (!place) {
      waiting.insert(group);
      closed.clear();
      continue;
    }
    std::set<StageIndex> avoided = blame_.alone();
    if (has_suspect(place->first)) avoided.insert(blame_.suspects().begin(), blame_.suspects().end());
    auto stages = plan_.take_job(group, avoided);
    if (!stages) {
      closed.insert(place->first);
      continue;
    }
    send(place->first, place->second, std::move(*stages), false, {}, effects, now);
  }
  if (!plan_.has_ready()) take_back_for_idle_ranks(effects);
}

/// True: the job was sent. Otherwise a pool that has ranks enough is kept free of new jobs until enough of them are
/// idle; if there is none, the job waits for one.
bool Core::hand_out_gang(StageIndex first, Effects& effects, Now now) {
  const Demand& demand = workload_.demand(plan_.group(first));
  const auto wanted = static_cast<std::size_t>(demand.ranks);
  const bool suspect = blame_.suspects().count(first) != 0;
  std::optional<PoolId> best;
  std::size_t least = 0;
  for (const auto& [id, pool] : roster_.pools()) {
    if (pool.reserved && *pool.reserved != first) continue;
    std::vector<int> able = roster_.able_ranks(id, demand);
    if (able.size() < wanted || (suspect && has_suspect(id))) continue;
    able.resize(wanted);
    std::size_t busy = 0;
    for (const int rank : able) busy += pool.ranks[static_cast<std::size_t>(rank)].queue.size();
    if (busy == 0) {
      auto stages = plan_.take_job_from(first);
      for (const PoolId reserved : std::set<PoolId>(roster_.reserved())) {
        if (roster_.find(reserved)->reserved == first) roster_.reserve(reserved, std::nullopt);
      }
      const int leader = able.front();
      send(id, leader, std::move(*stages), false, std::move(able), effects, now);
      return true;
    }
    if (!pool.reserved && best && busy >= least) continue;
    best = id;
    least = pool.reserved ? 0 : busy;
  }
  if (best && !roster_.find(*best)->reserved) roster_.reserve(*best, first);
  return false;
}

bool Core::runs_alone(const PoolSlot& pool) const {
  return std::any_of(pool.ranks.begin(), pool.ranks.end(), [&](const RankSlot& rank) {
    return !rank.queue.empty() && roster_.attempts().at(rank.queue.front()).alone;
  });
}

// A job that ran out of memory gets a pool to itself: one is kept free of new jobs until it is empty.
void Core::hand_out_alone(Effects& effects, Now now) {
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const PoolSlot& pool = *roster_.find(id);
    if (plan_.is_available(*pool.reserved) || runs_alone(pool)) continue;
    roster_.reserve(id, std::nullopt);  // somebody else was quicker, or it waits again, or its sweep is paused
  }
  for (const StageIndex stage : std::set<StageIndex>(blame_.alone())) {
    if (!plan_.is_available(stage)) continue;
    const Demand& demand = workload_.demand(plan_.group(stage));
    std::optional<PoolId> chosen;
    std::size_t least = 0;
    for (const auto& [id, pool] : roster_.pools()) {
      const bool usable = roster_.able_ranks(id, demand).size() >= static_cast<std::size_t>(demand.ranks);
      if (!usable || (pool.reserved && *pool.reserved != stage)) continue;
      std::size_t held = 0;
      for (const RankSlot& rank : pool.ranks) held += rank.queue.size();
      if (!pool.reserved && chosen && held >= least) continue;
      chosen = id;
      least = pool.reserved ? 0 : held;
    }
    if (!chosen) continue;
    if (!roster_.find(*chosen)->reserved) roster_.reserve(*chosen, stage);
    if (!roster_.find(*chosen)->empty()) continue;
    std::vector<int> gang = roster_.able_ranks(*chosen, demand);
    gang.resize(static_cast<std::size_t>(demand.ranks));
    const int leader = gang.front();
    if (gang.size() == 1) gang.clear();
    if (auto stages = plan_.take_job_from(stage))
      send(*chosen, leader, std::move(*stages), true, std::move(gang), effects, now);
  }
}

void Core::send(PoolId pool, int rank, std::vector<StageIndex> stages, bool alone, std::vector<int> gang,
                Effects& effects, Now now) {
  const std::uint64_t number = next_attempt_++;
  const PoolSlot& slot = *roster_.find(pool);
  AttemptStarted started{number, slot.name, rank, slot.ranks[static_cast<std::size_t>(rank)].environment, {}, now};
  for (const StageIndex stage : stages) started.stages.push_back(graph().stages[stage].key);
  effects.emplace_back(Record{std::move(started)});
  effects.emplace_back(SendJob{pool, rank, make_job(number, stages), alone, gang});
  Attempt attempt;
  attempt.gpus = workload_.demand(plan_.group(stages.front())).resources.gpus;
  attempt.stages = std::move(stages);
  attempt.pool = pool;
  attempt.rank = rank;
  attempt.sent_at = now;
  attempt.alone = alone;
  attempt.gang = std::move(gang);
  roster_.hold(number, std::move(attempt));
}

void Core::take_back_for_idle_ranks(Effects& effects) {
  if (mean_job_seconds_ < kWorthMovingSeconds) return;
  std::int64_t idle = roster_.idle_ranks() - recalled_;
  roster_.for_each_with_waiting([&](PoolId pool, int rank) {
    if (idle <= 0) return false;
    const std::uint64_t number = roster_.find(pool, rank)->queue.back();
    Attempt& last = *roster_.find_attempt(number);
    if (last.recalled) return true;
    last.recalled = true;
    ++recalled_;
    --idle;
    effects.emplace_back(SendStop{pool, last.rank, number});
    return true;
  });
}

Job Core::make_job(std::uint64_t attempt, const std::vector<StageIndex>& stages) const {
  Job job{attempt, {}};
  for (const StageIndex index : stages) {
    const Stage& stage = graph().stages[index];
    JobStage wire{stage.key, stage.kind, stage.seed, *stage.spec, {}, std::nullopt, stage.keep_resume_state, "", ""};
    for (const StageInput& input : stage.inputs) wire.inputs.emplace_back(input.role, graph().stages[input.stage].key);
    if (stage.resume_from) wire.resume_from = graph().stages[*stage.resume_from].key;
    if (stage.dataset_path) wire.dataset_path = *stage.dataset_path;
    if (stage.model_path) wire.model_path = *stage.model_path;
    job.stages.push_back(std::move(wire));
  }
  return job;
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
    // A late word about an attempt that was given up. A failure of it was dealt with when it was.
    if (outcome.failure || !plan_.is_open(stage)) return effects;
    accept(stage, std::move(outcome), environment, effects, now);
    recall_attempts_at(stage, effects);
  } else if (attempt->all_reached() || attempt->stages[attempt->reached] != stage) {
    return effects;  // said twice
  } else if (outcome.failure) {
    attempt->failure = outcome.failure->cause;
    on_failure(stage, outcome, pool, rank, effects, now);
  } else {
    ++attempt->reached;
    attempt->fraction = 0;
    accept(stage, std::move(outcome), environment, effects, now);
  }
  hand_out(effects, now);
  return effects;
}

void Core::accept(StageIndex index, StageOutcome outcome, EnvironmentId environment, Effects& effects, Now now) {
  const Stage& stage = graph().stages[index];
  if (stage.kind == StageKind::train && outcome.first_step < outcome.steps) {
    trained_cost_ += stage.cost;
    trained_seconds_ += outcome.wall_s;
  }
  ++activity_;
  plan_.on_done(index);
  blame_.settle(index);
  tell_warnings(stage, outcome, effects);
  effects.emplace_back(Record{StageFinished{std::move(outcome), environment, now}});
}

/// Somebody else was quicker with this stage.
void Core::recall_attempts_at(StageIndex stage, Effects& effects) {
  for (const auto& [number, attempt] : roster_.attempts()) {
    const std::vector<StageIndex> unreached = attempt.unreached();
    if (attempt.recalled || std::find(unreached.begin(), unreached.end(), stage) == unreached.end()) continue;
    roster_.find_attempt(number)->recalled = true;
    ++recalled_;
    effects.emplace_back(SendStop{attempt.pool, attempt.rank, number});
  }
}

// All are in the store; a sweep that goes to extremes may have thousands.
void Core::tell_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects) {
  for (const std::string& warning : outcome.warnings) {
    if (warnings_told_ >= kMostWarningsTold) return;
    effects.emplace_back(
        Tell{fmt::format("warning: {} [{}]: {}", stage.label, to_hex(stage.key).substr(0, 12), warning)});
    if (++warnings_told_ == kMostWarningsTold)
      effects.emplace_back(Tell{"further warnings are in the store (table stage_warnings)"});
  }
}

Effects Core::on_job_ended(PoolId pool, int rank, const AttemptEnd& end, Now now) {
  Effects effects;
  const Attempt* found = roster_.find_attempt(end.attempt);
  if (found == nullptr) return effects;
  const Attempt attempt = *found;
  if (!end.interrupted) {
    measure_job(pool, rank, attempt, now);
    end_attempt(end.attempt, attempt.failure ? "failed" : "finished", "", attempt.failure, effects, now);
    hand_out(effects, now);
    return effects;
  }
  RankSlot* slot = roster_.find(attempt.pool, attempt.rank);
  if (!attempt.recalled && slot != nullptr) {
    // Nobody here asked for it: the rank was told to leave, and takes no more.
    slot->ready = false;
    roster_.refresh(attempt.pool, attempt.rank);
    PoolSlot& leaving = *roster_.find(attempt.pool);
    if (end.started)
      for (const StageIndex stage : attempt.unreached()) leaving.interrupted.emplace_back(now, stage);
  }
  end_attempt(end.attempt, end.started ? "interrupted" : "returned", "", end.cause, effects, now);
  if (end.started && !attempt.recalled && !attempt.all_reached()) {
    const StageIndex stage = attempt.stages[attempt.reached];
    if (blame_.on_interrupted(stage, end.progressed, policy(stage))) {
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
  // From the end before it, or from when it was sent if the rank had nothing then.
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
  std::vector<StageIndex> free = attempt.stages;  // what was handed out again meanwhile is not
  std::erase_if(free, [&](StageIndex stage) { return roster_.pool_with(stage).has_value(); });
  plan_.give_back(free);
  effects.emplace_back(Record{AttemptEnded{number, how, why, now, cause}});
}

void Core::on_progress(std::uint64_t attempt, double fraction) {
  if (Attempt* found = roster_.find_attempt(attempt)) found->fraction = std::clamp(fraction, 0.0, 1.0);
}

Effects Core::pause(const std::string& why) {
  Effects effects;
  if (paused_) return effects;
  paused_ = why;
  effects.emplace_back(Tell{"paused: " + why});
  return effects;
}

Effects Core::resume(Now now) {
  Effects effects;
  if (!paused_) return effects;
  paused_.reset();
  waits_for_room_ = false;
  effects.emplace_back(Tell{"going on"});
  hand_out(effects, now);
  return effects;
}

Effects Core::stop(Now) {
  Effects effects;
  stopping_ = true;
  dismiss_everybody(effects);
  return effects;
}

void Core::dismiss_everybody(Effects& effects) {
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

bool Core::is_done(const StageKey& key) const {
  const std::optional<StageIndex> found = find(key);
  return found && plan_.state(*found) == StageState::done;
}

}  // namespace espalier
