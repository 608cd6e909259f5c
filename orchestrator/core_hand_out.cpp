// Who gets which job. The core keeps, for each rank, the queue of attempts it was handed, in the order it runs them. So
// "running" needs no message: it is the front of the queue, and when a pool is lost only fronts are suspects. Ready
// jobs go to the rank with the shortest queue. One job waits behind the running one, so that no rank waits for a round
// trip; when jobs are shorter than a round trip, more of them wait. A job that waits while another rank is idle is
// taken back for it. For a gang, and for a job that must be alone, a pool is reserved until enough of it is free,
// unless something more urgent could use it.
#include <algorithm>
#include <functional>
#include <utility>

#include "orchestrator/core.h"

namespace espalier {
namespace {

/// Jobs worth this much time wait at a rank: a few round trips through the gateway, and a commit of the store.
constexpr double kQueuedSeconds = 0.05;
constexpr std::size_t kDeepestQueue = 256;
/// Below this a waiting job is not worth taking back.
constexpr double kWorthMovingSeconds = 0.2;

}  // namespace

std::size_t Core::queue_depth() const {
  const double wanted = kQueuedSeconds / std::max(mean_job_seconds_, 1e-6);
  return 1 + std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, kDeepestQueue);
}

bool Core::has_suspect(PoolId pool) const {
  return std::any_of(blame_.suspects().begin(), blame_.suspects().end(),
                     [&](StageIndex stage) { return roster_.pool_with(stage) == pool; });
}

/// Stages that may not begin there now: what must be alone, and a second suspect.
std::set<StageIndex> Core::not_for(PoolId pool) const {
  std::set<StageIndex> avoided = blame_.alone();
  if (has_suspect(pool)) avoided.insert(blame_.suspects().begin(), blame_.suspects().end());
  return avoided;
}

/// Something more urgent is ready that this pool could run: for the stage it must not be kept free.
bool Core::is_outranked(PoolId pool, StageIndex stage) const {
  for (std::size_t group = 0; group < plan_.groups(); ++group) {
    const std::optional<StageIndex> first = plan_.most_urgent_of(static_cast<StageGroup>(group));
    if (!first || plan_.urgency(*first) <= plan_.urgency(stage)) continue;
    const Demand& demand = workload_.demand(static_cast<StageGroup>(group));
    if (roster_.able_ranks(pool, demand).size() >= static_cast<std::size_t>(demand.ranks)) return true;
  }
  return false;
}

/// It waits, this is still why, the pool has what it needs, and nothing more urgent could use the pool.
bool Core::is_worth_keeping(PoolId pool, const Reservation& reservation) const {
  const StageIndex stage = reservation.stage;
  if (!plan_.is_available(stage)) return false;
  if (blame_.must_be_alone(stage) != (reservation.why == Reservation::Why::alone)) return false;
  const Demand& demand = workload_.demand(plan_.group(stage));
  if (roster_.able_ranks(pool, demand).size() < static_cast<std::size_t>(demand.ranks)) return false;
  return !is_outranked(pool, stage);
}

// Stages of one group ask the same of a pool. A group for which no rank is left waits; the others go on.
void Core::hand_out(Effects& effects, Now now) {
  if (stopping_) return;
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const PoolSlot& pool = *roster_.find(id);
    if (!runs_alone(pool) && !is_worth_keeping(id, *pool.reserved)) roster_.reserve(id, std::nullopt);
  }
  if (finished()) {
    if (!stays_) dismiss_everybody(effects);
    return;
  }
  if (paused_) return;
  hand_out_alone(effects, now);
  for (const PoolId id : std::set<PoolId>(roster_.reserved())) {
    const std::optional<Reservation> reserved = roster_.find(id)->reserved;
    if (reserved && reserved->why == Reservation::Why::gang) hand_out_gang(reserved->stage, effects, now);
  }
  const std::size_t depth = queue_depth();
  std::set<StageGroup> waiting;
  std::set<PoolId> closed;  // what is left is suspect, and so is something they run
  while (const std::optional<StageIndex> first = plan_.most_urgent(waiting)) {
    const StageGroup group = plan_.group(*first);
    const Demand& demand = workload_.demand(group);
    if (demand.ranks > 1) {
      // A suspect may have to wait where others need not.
      std::set<StageIndex> avoided = blame_.alone();
      bool sent = false;
      for (int turn = 0; turn < 2 && !sent; ++turn) {
        const std::optional<StageIndex> gang = plan_.most_urgent_of(group, avoided);
        sent = gang && hand_out_gang(*gang, effects, now);
        avoided.insert(blame_.suspects().begin(), blame_.suspects().end());
      }
      if (!sent) waiting.insert(group);
      continue;
    }
    const auto place = roster_.idlest(depth, closed, demand);
    if (!place) {
      waiting.insert(group);
      closed.clear();
      continue;
    }
    auto stages = plan_.take_job(group, not_for(place->first));
    if (!stages) {
      closed.insert(place->first);
      continue;
    }
    send(place->first, place->second, std::move(*stages), false, {}, effects, now);
  }
  if (!plan_.has_ready()) take_back_for_idle_ranks(effects);
}

/// True: the job was sent. Otherwise a pool that has ranks enough is kept free of new jobs until enough of them are
/// idle, unless something more urgent could use it; if there is none, the job waits for one.
bool Core::hand_out_gang(StageIndex first, Effects& effects, Now now) {
  const Demand& demand = workload_.demand(plan_.group(first));
  const auto wanted = static_cast<std::size_t>(demand.ranks);
  const bool suspect = blame_.suspects().count(first) != 0;
  std::optional<PoolId> best;
  std::size_t least = 0;
  for (const auto& [id, pool] : roster_.pools()) {
    if (pool.reserved && pool.reserved->stage != first) continue;
    std::vector<int> able = roster_.able_ranks(id, demand);
    if (able.size() < wanted || (suspect && has_suspect(id))) continue;
    able.resize(wanted);
    std::size_t busy = 0;
    for (const int rank : able) busy += pool.ranks[static_cast<std::size_t>(rank)].queue.size();
    if (busy == 0) {
      auto stages = plan_.take_job_from(first, not_for(id));
      for (const PoolId reserved : std::set<PoolId>(roster_.reserved())) {
        if (roster_.find(reserved)->reserved->stage == first) roster_.reserve(reserved, std::nullopt);
      }
      const int leader = able.front();
      send(id, leader, std::move(*stages), false, std::move(able), effects, now);
      return true;
    }
    if (is_outranked(id, first) || (!pool.reserved && best && busy >= least)) continue;
    best = id;
    least = pool.reserved ? 0 : busy;
  }
  if (best && !roster_.find(*best)->reserved) roster_.reserve(*best, Reservation{first, Reservation::Why::gang});
  return false;
}

bool Core::runs_alone(const PoolSlot& pool) const {
  return std::any_of(pool.ranks.begin(), pool.ranks.end(), [&](const RankSlot& rank) {
    return !rank.queue.empty() && roster_.attempts().at(rank.queue.front()).alone;
  });
}

// A job that ran out of memory gets a pool to itself: one is kept free of new jobs until it is empty, unless something
// more urgent could use it.
void Core::hand_out_alone(Effects& effects, Now now) {
  std::vector<StageIndex> alone(blame_.alone().begin(), blame_.alone().end());
  std::erase_if(alone, [&](StageIndex stage) { return !plan_.is_available(stage); });
  std::ranges::stable_sort(alone, std::greater{}, [&](StageIndex stage) { return plan_.urgency(stage); });
  for (const StageIndex stage : alone) {
    const Demand& demand = workload_.demand(plan_.group(stage));
    std::optional<PoolId> chosen;
    std::size_t least = 0;
    for (const auto& [id, pool] : roster_.pools()) {
      const bool usable = roster_.able_ranks(id, demand).size() >= static_cast<std::size_t>(demand.ranks);
      if (!usable || (pool.reserved && pool.reserved->stage != stage) || is_outranked(id, stage)) continue;
      std::size_t held = 0;
      for (const RankSlot& rank : pool.ranks) held += rank.queue.size();
      if (!pool.reserved && chosen && held >= least) continue;
      chosen = id;
      least = pool.reserved ? 0 : held;
    }
    if (!chosen) continue;
    if (!roster_.find(*chosen)->reserved) roster_.reserve(*chosen, Reservation{stage, Reservation::Why::alone});
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
    // It would come back to where it was, and be taken back again.
    if (!place || not_for(place->first).count(first) != 0) return true;
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
