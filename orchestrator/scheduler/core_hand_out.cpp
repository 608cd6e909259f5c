// Which rank gets which job. The core keeps, for each rank, the queue of its attempts in the order it runs them. So
// "running" needs no message: it is the front of the queue, and when a pool is lost only fronts are suspects. Ready
// jobs go to the rank with the shortest queue. One job is queued behind the running one, so that no rank waits for a
// round trip; more if jobs are shorter than a round trip. A queued job is recalled for an idle rank. For a gang, and
// for a job that must be alone, a pool is reserved until enough of it is free, unless a more urgent job could use it. A job that measures time
// takes a rank of a host whose ranks are all idle, which then get nothing until it ends.
#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "orchestrator/scheduler/core.h"

namespace espalier {
namespace {

/// Seconds of jobs queued at a rank: a few round trips through the gateway, and a commit of the store.
constexpr double kQueuedSeconds = 0.05;
constexpr std::size_t kDeepestQueue = 256;
/// Shorter queued jobs are not recalled.
constexpr double kWorthMovingSeconds = 0.2;

}  // namespace

std::size_t Core::queue_depth() const {
  const double wanted = kQueuedSeconds / std::max(mean_job_seconds_, 1e-6);
  return 1 + std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, kDeepestQueue);
}

std::set<PoolId> Core::pools_with_suspects() const {
  std::set<PoolId> pools;
  for (const StageIndex stage : blame_.suspects()) {
    if (const std::optional<PoolId> pool = roster_.pool_with(stage)) pools.insert(*pool);
  }
  return pools;
}

bool Core::has_suspect(PoolId pool) const {
  return std::any_of(blame_.suspects().begin(), blame_.suspects().end(),
                     [&](StageIndex stage) { return roster_.pool_with(stage) == pool; });
}

/// Stages that may not begin there now: those that must be alone, and a second suspect.
std::set<StageIndex> Core::excluded_stages(PoolId pool) const {
  std::set<StageIndex> avoided = blame_.alone();
  if (has_suspect(pool)) avoided.insert(blame_.suspects().begin(), blame_.suspects().end());
  return avoided;
}

/// A more urgent stage is ready that this pool could run: it must not be reserved for this one.
bool Core::is_outranked(PoolId pool, StageIndex stage) const {
  for (std::size_t group = 0; group < plan_.groups(); ++group) {
    const std::optional<StageIndex> first = plan_.most_urgent_of(static_cast<StageGroup>(group));
    if (!first || plan_.urgency(*first) <= plan_.urgency(stage)) continue;
    const Demand& demand = workload_.demand(static_cast<StageGroup>(group));
    if (roster_.able_ranks(pool, demand).size() >= static_cast<std::size_t>(demand.ranks)) return true;
  }
  return false;
}

/// The stage waits for the same reason, the pool satisfies its demand, and no more urgent stage could use the pool.
bool Core::is_worth_keeping(PoolId pool, const Reservation& reservation) const {
  const StageIndex stage = reservation.stage;
  if (!plan_.is_available(stage)) return false;
  if (blame_.must_be_alone(stage) != (reservation.why == Reservation::Why::alone)) return false;
  const Demand& demand = workload_.demand(plan_.group(stage));
  if (roster_.able_ranks(pool, demand).size() < static_cast<std::size_t>(demand.ranks)) return false;
  return !is_outranked(pool, stage);
}

void Core::hand_out(Effects& effects, Now now) {
  if (stopping_) return;
  drop_reservations();
  if (finished()) {
    if (!stays_) dismiss_all_pools(effects);
    return;
  }
  if (paused_) return;
  // Jobs that were handed out may free a reserved pool: its own stage was sent, the pool no longer satisfies its
  // demand, or no more urgent stage needs it.
  bool again = true;
  while (again) {
    const std::int64_t freed = roster_.times_freed();
    hand_out_alone(effects, now);
    hand_out_ready(effects, now);
    again = hand_out_alone(effects, now);
    drop_reservations();
    again = again || roster_.times_freed() != freed;
  }
  if (!has_ready_for_busy_hosts()) take_back_for_idle_ranks(effects);
}

/// Whether anything is ready but what waits for a host to become idle.
bool Core::has_ready_for_busy_hosts() const {
  std::set<StageGroup> waiting;
  for (std::size_t group = 0; group < plan_.groups(); ++group)
    if (workload_.demand(static_cast<StageGroup>(group)).alone_on_host) waiting.insert(static_cast<StageGroup>(group));
  return waiting.empty() ? plan_.has_ready() : plan_.most_urgent(waiting).has_value();
}

/// Drops the reservations that do not hold any more.
void Core::drop_reservations() {
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const PoolSlot& pool = *roster_.find(id);
    if (!runs_alone(pool) && !is_worth_keeping(id, *pool.reserved)) roster_.reserve(id, std::nullopt);
  }
}

// Stages of one group have one demand. A group without a fitting rank waits, and so does a suspect if every pool has
// another suspect; the others go on.
void Core::hand_out_ready(Effects& effects, Now now) {
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const std::optional<Reservation> reserved = roster_.find(id)->reserved;
    if (reserved && reserved->why == Reservation::Why::gang) send_gang(id, reserved->stage, effects, now);
  }
  const std::size_t depth = queue_depth();
  std::set<StageGroup> waiting;
  std::set<StageIndex> put_off = blame_.alone();
  while (const std::optional<StageIndex> first = plan_.most_urgent(waiting, put_off)) {
    if (hand_out_one(*first, depth, effects, now)) continue;
    const StageGroup group = plan_.group(*first);
    if (blame_.suspects().count(*first) == 0) {
      waiting.insert(group);
      continue;
    }
    for (const StageIndex suspect : blame_.suspects()) {
      if (plan_.group(suspect) == group) put_off.insert(suspect);
    }
  }
}

/// True: the job that begins with this stage was sent.
bool Core::hand_out_one(StageIndex first, std::size_t depth, Effects& effects, Now now) {
  const Demand& demand = workload_.demand(plan_.group(first));
  if (demand.ranks > 1) return hand_out_gang(first, effects, now);
  std::set<PoolId> closed;
  if (blame_.suspects().count(first) != 0) closed = pools_with_suspects();
  const auto place = roster_.idlest(depth, closed, demand);
  if (!place) return false;
  send(place->first, place->second, *plan_.take_job_from(first, excluded_stages(place->first)), false, {}, effects,
       now);
  return true;
}

/// True: the job was sent. Otherwise a pool with enough ranks is reserved until enough of them are idle, unless a more
/// urgent stage could use it; if there is no such pool, the job waits.
bool Core::hand_out_gang(StageIndex first, Effects& effects, Now now) {
  const Demand& demand = workload_.demand(plan_.group(first));
  const auto wanted = static_cast<std::size_t>(demand.ranks);
  const bool suspect = blame_.suspects().count(first) != 0;
  std::optional<PoolId> best;
  std::size_t least = 0;
  for (const auto& [id, pool] : roster_.pools()) {
    if (is_kept_from(pool, first)) continue;
    if (suspect && has_suspect(id)) continue;
    if (send_gang(id, first, effects, now)) return true;
    std::vector<int> able = roster_.able_ranks(id, demand);
    if (able.size() < wanted || is_outranked(id, first)) continue;
    able.resize(wanted);
    std::size_t busy = 0;
    for (const int rank : able) busy += pool.ranks[static_cast<std::size_t>(rank)].queue.size();
    if (!pool.reserved && best && busy >= least) continue;
    best = id;
    least = pool.reserved ? 0 : busy;
  }
  if (best && !roster_.find(*best)->reserved) roster_.reserve(*best, Reservation{first, Reservation::Why::gang});
  return false;
}

/// True: enough ranks of the pool are idle, and the job was sent to them.
bool Core::send_gang(PoolId pool, StageIndex first, Effects& effects, Now now) {
  const Demand& demand = workload_.demand(plan_.group(first));
  const auto wanted = static_cast<std::size_t>(demand.ranks);
  std::vector<int> able = roster_.able_ranks(pool, demand);
  if (able.size() < wanted || !roster_.find(pool, able[wanted - 1])->queue.empty()) return false;
  able.resize(wanted);
  auto stages = plan_.take_job_from(first, excluded_stages(pool));
  drop_reservations_for(first);
  const int leader = able.front();
  send(pool, leader, std::move(*stages), false, std::move(able), effects, now);
  return true;
}

/// The pool is reserved for another stage, or runs a stage alone (perhaps this one, which has to be made again).
bool Core::is_kept_from(const PoolSlot& pool, StageIndex stage) const {
  return pool.reserved && (pool.reserved->stage != stage || runs_alone(pool));
}

bool Core::runs_alone(const PoolSlot& pool) const {
  return std::any_of(pool.ranks.begin(), pool.ranks.end(), [&](const RankSlot& rank) {
    return !rank.queue.empty() && roster_.attempts().at(rank.queue.front()).alone;
  });
}

// A job that ran out of memory gets a pool to itself: an empty one, or one that is reserved until it is empty, unless a
// more urgent stage could use it. True: one was sent.
bool Core::hand_out_alone(Effects& effects, Now now) {
  std::vector<StageIndex> alone(blame_.alone().begin(), blame_.alone().end());
  std::erase_if(alone, [&](StageIndex stage) { return !plan_.is_available(stage); });
  std::ranges::stable_sort(alone, std::greater{}, [&](StageIndex stage) { return plan_.urgency(stage); });
  bool sent = false;
  for (const StageIndex stage : alone) {
    if (!plan_.is_available(stage)) continue;  // sent as part of another job
    const Demand& demand = workload_.demand(plan_.group(stage));
    const auto wanted = static_cast<std::size_t>(demand.ranks);
    std::optional<PoolId> chosen;
    std::tuple<bool, bool, std::size_t> best;  // empty; already reserved; the least busy
    for (const auto& [id, pool] : roster_.pools()) {
      if (is_kept_from(pool, stage)) continue;
      if (roster_.able_ranks(id, demand).size() < wanted || is_outranked(id, stage)) continue;
      std::size_t held = 0;
      for (const RankSlot& rank : pool.ranks) held += rank.queue.size();
      const std::tuple one{held != 0, !pool.reserved, held};
      if (chosen && one >= best) continue;
      chosen = id;
      best = one;
    }
    if (!chosen) continue;
    if (std::get<0>(best)) {
      if (std::get<1>(best)) roster_.reserve(*chosen, Reservation{stage, Reservation::Why::alone});
      continue;
    }
    drop_reservations_for(stage);
    roster_.reserve(*chosen, Reservation{stage, Reservation::Why::alone});
    std::vector<int> gang = roster_.able_ranks(*chosen, demand);
    gang.resize(wanted);
    const int leader = gang.front();
    if (gang.size() == 1) gang.clear();
    send(*chosen, leader, *plan_.take_job_from(stage), true, std::move(gang), effects, now);
    sent = true;
  }
  return sent;
}

/// The stage needs no reservation any more.
void Core::drop_reservations_for(StageIndex stage) {
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const PoolSlot& pool = *roster_.find(id);
    if (pool.reserved->stage == stage && !runs_alone(pool)) roster_.reserve(id, std::nullopt);
  }
}

void Core::send(PoolId pool, int rank, std::vector<StageIndex> stages, bool alone, std::vector<int> gang,
                Effects& effects, Now now) {
  const std::uint64_t number = next_attempt_++;
  const PoolSlot& slot = *roster_.find(pool);
  AttemptStarted started{number, slot.name, rank,       slot.ranks[static_cast<std::size_t>(rank)].environment,
                         {},     now,       slot.owner, gang};
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
  attempt.alone_on_host = workload_.demand(plan_.group(attempt.stages.front())).alone_on_host;
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
    const StageIndex first = last.stages.front();
    const auto place = roster_.idlest(1, {}, workload_.demand(plan_.group(first)));
    // It would be sent to the same rank, and be recalled again.
    if (!place || excluded_stages(place->first).count(first) != 0) return true;
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

}  // namespace espalier
