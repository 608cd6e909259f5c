// What pools and their ranks do and say.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tests/orchestrator/scheduler/core_property_life.h"

namespace espalier {

using Link = WorldPool::Link;

void CoreLife::join() {
  if (world_.pools.size() > 4) return tick();
  add_pool(invent_pool());
}

WorldPool CoreLife::invent_pool() {
  WorldPool pool;
  pool.label = chance(0.5) ? "big" : "";
  const bool gpus = chance(0.4);
  const double memory_gb = chance(0.5) ? 0 : chance(0.5) ? 8 : 32;
  for (std::size_t rank = 0, ranks = 1 + pick(4); rank < ranks; ++rank)
    pool.ranks.push_back({"node" + std::to_string(pick(3)), gpus ? std::to_string(pick(2)) : "", memory_gb, false});
  return pool;
}

void CoreLife::add_pool(WorldPool pool) {
  const std::size_t key = next_world_pool_++;
  pool.name = "pool-" + std::to_string(key);
  pool.link = Link::given_up;  // not known to the core yet
  world_.pools[key] = std::move(pool);
  come(key);
}

/// It joins, or is back: what it could not say comes first, then what its ranks hold.
void CoreLife::come(std::size_t key) {
  last_ = "a pool joins, or is back";
  WorldPool& pool = world_.pools.at(key);
  if (pool.link == Link::given_up) pool.id = next_pool_++;
  pool.link = Link::present;
  const auto ranks = static_cast<int>(pool.ranks.size());
  const std::vector<std::string> labels = pool.label.empty() ? std::vector<std::string>{} : std::vector{pool.label};
  check(core_->on_pool_joined(pool.id, pool.name, ranks, world_.now, labels, pool.name));
  for (const WorldPool::Report& report : std::exchange(pool.unsent, {})) deliver(key, report);
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<std::uint64_t> held;
    for (const auto& [number, attempt] : world_.attempts) {
      if (attempt.held && attempt.pool == key && attempt.ranks.front() == rank) held.push_back(number);
    }
    WorldRank& has = pool.ranks[static_cast<std::size_t>(rank)];
    has.introduced = true;
    check(core_->on_rank_ready(pool.id, rank, {1, has.host, has.gpu, has.memory_gb}, held, world_.now));
  }
}

/// Or is back, or is given up after a while.
void CoreLife::fall_silent() {
  const std::size_t key = one_of(world_.pools).first;
  WorldPool& pool = world_.pools.at(key);
  if (pool.link == Link::silent && chance(0.3)) {
    last_ = "a pool is given up";
    static const std::vector<LossCause> causes{LossCause::node_lost, LossCause::heartbeat, LossCause::coordinator_lost};
    return lose(key, {one_of(causes), "silent", {}, {}, {}, {}}, chance(0.7));
  }
  if (pool.link != Link::present) return come(key);
  last_ = "a pool falls silent";
  const bool some_are_lost = chance(0.3);
  for (auto& [number, attempt] : world_.attempts) {
    if (some_are_lost && attempt.pool == key && attempt.made == 0 && !attempt.stuck) attempt.held = false;
  }
  std::erase_if(world_.attempts, [](const auto& one) { return !one.second.held && !one.second.known; });
  pool.link = Link::silent;
  check(core_->on_pool_silent(pool.id, world_.now));
}

void CoreLife::leave_or_die() {
  const std::size_t key = one_of(world_.pools).first;
  WorldPool& pool = world_.pools.at(key);
  const double drawn = random_.uniform();
  if (pool.link == Link::given_up) {
    last_ = "a pool that nobody knows ends";
    return forget_pool(key);
  }
  if (drawn < 0.3) return crash(key);
  if (drawn < 0.5) {
    last_ = "a pool is sent away";
    return check(core_->drain_pool(pool.id, world_.now));
  }
  if (pool.link != Link::present) return fall_silent();
  if (pool.leaving) return leave_further(key);
  if (drawn < 0.6) {
    last_ = "a pool is preempted without a word";
    return lose(key, {LossCause::preempted, "preempted", {}, {}, {}, {}}, false);
  }
  pool.leaving = chance(0.5) ? LossCause::preempted : LossCause::time_limit;
}

/// A job at a time, and then all of it.
void CoreLife::leave_further(std::size_t key) {
  last_ = "a pool leaves";
  const WorldPool& pool = world_.pools.at(key);
  if (pool.link == Link::given_up) return forget_pool(key);
  if (pool.link == Link::silent) return crash(key);
  const auto held =
      std::ranges::find_if(world_.attempts, [&](const auto& one) { return one.second.held && one.second.pool == key; });
  if (held != world_.attempts.end()) return end(held->first, true);
  lose(key, {*pool.leaving, "it left", {}, {}, {}, {}}, false);
}

void CoreLife::crash(std::size_t key) {
  last_ = "a pool crashes";
  const WorldPool& pool = world_.pools.at(key);
  static const std::vector<LossCause> causes{LossCause::signal, LossCause::node_lost, LossCause::hung};
  PoolEnd end{one_of(causes), "dead", {}, {}, {}, {}};
  std::vector<std::uint64_t> fronts;
  for (std::size_t rank = 0; rank < core_->find_pool(pool.id)->ranks.size(); ++rank) {
    const std::deque<std::uint64_t>& queue = core_->find_pool(pool.id)->ranks[rank].queue;
    if (queue.empty() || world_.attempts.count(queue.front()) == 0) continue;
    const WorldAttempt& attempt = world_.attempts.at(queue.front());
    if (attempt.ranks.front() != static_cast<int>(rank) || attempt.failed) continue;
    if (attempt.reached < attempt.stages.size()) fronts.push_back(queue.front());
  }
  const auto is_new = [&](std::uint64_t number) {
    return !world_.stages[world_.attempts.at(number).unreached().front()].crashed;
  };
  if (!fronts.empty() && chance(0.5)) {
    const std::uint64_t culprit = one_of(fronts);
    const LossCause cause = chance(0.2) ? LossCause::oom_host : LossCause::signal;
    end.culprits.push_back({one_of(world_.attempts.at(culprit).ranks), chance(0.5) ? culprit : 0, cause, 9, "", ""});
  } else if (fronts.size() > 1 && std::ranges::all_of(fronts, is_new)) {
    for (const std::uint64_t number : fronts) {
      for (const std::size_t stage : world_.attempts.at(number).unreached()) world_.stages[stage].surely_suspect = true;
    }
  }
  lose(key, std::move(end), false);
}

/// `lives`: it may come back.
void CoreLife::lose(std::size_t key, PoolEnd end, bool lives) {
  WorldPool& pool = world_.pools.at(key);
  if (budget_of(end.cause) != Budget::none) {
    for (const auto& [number, attempt] : world_.attempts) {
      if (attempt.pool != key) continue;
      for (const std::size_t stage : attempt.stages) world_.stages[stage].crashed = !world_.stages[stage].settled();
    }
    for (const auto& [at, stage] : pool.interrupted) world_.stages[stage].crashed = !world_.stages[stage].settled();
  }
  pool.link = Link::given_up;
  pool.interrupted.clear();
  check(core_->on_pool_lost(pool.id, end, world_.now));
  if (!lives) forget_pool(key);
}

void CoreLife::forget_pool(std::size_t key) {
  std::erase_if(world_.attempts, [&](const auto& one) { return one.second.pool == key; });
  world_.pools.erase(key);
}

/// The job makes a stage, or fails at it, or ends.
void CoreLife::go_on(std::uint64_t number) {
  const WorldAttempt& attempt = world_.attempts.at(number);
  if (world_.pools.at(attempt.pool).leaving) return leave_further(attempt.pool);
  last_ = "a job goes on";
  if (!world_.is_running(number)) return;
  if (attempt.stuck || attempt.made == attempt.job.size()) return end(number, false);
  const double drawn = random_.uniform();
  const WorldStage& stage = world_.stages[attempt.job[attempt.made]];
  std::optional<Failure> failure;
  if (drawn < 0.05) {
    failure = Failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}};
  } else if (drawn < 0.08) {
    failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
  } else if (drawn < 0.10 && !stage.inputs.empty()) {
    failure =
        Failure{ErrorKind::corrupt, "damaged", LossCause::damaged_input, {world_.stages[one_of(stage.inputs)].key}};
  } else if (drawn < 0.103) {
    failure = Failure{ErrorKind::exhausted, "full", LossCause::disk_full, {}};
  }
  reach(number, failure);
}

void CoreLife::reach(std::uint64_t number, std::optional<Failure> failure) {
  WorldAttempt& attempt = world_.attempts.at(number);
  if (failure) last_ = fmt::format("a job fails: {}", to_string(failure->cause));
  StageOutcome outcome;
  outcome.key = world_.stages[attempt.job[attempt.made]].key;
  outcome.attempt = number;
  outcome.failure = std::move(failure);
  outcome.failure ? attempt.stuck = true : (++attempt.made, true);
  const bool over = attempt.stuck || attempt.made == attempt.job.size();
  say(attempt.pool, {attempt.ranks.front(), outcome});
  const auto found = world_.attempts.find(number);
  if (over && found != world_.attempts.end() && found->second.held && chance(0.7)) end(number, false);
}

void CoreLife::end(std::uint64_t number, bool interrupted) {
  WorldAttempt& attempt = world_.attempts.at(number);
  const std::size_t key = attempt.pool;
  WorldPool& pool = world_.pools.at(key);
  AttemptEnd end{number, interrupted, !interrupted || world_.is_running(number), chance(0.6),
                 pool.leaving.value_or(LossCause::drained)};
  attempt.held = false;
  if (interrupted) {
    for (const std::size_t stage : attempt.unreached()) pool.interrupted.emplace_back(world_.now, stage);
  }
  const int rank = attempt.ranks.front();
  if (!attempt.known) world_.attempts.erase(number);
  say(key, {rank, end});
}

void CoreLife::say(std::size_t key, WorldPool::Report report) {
  WorldPool& pool = world_.pools.at(key);
  pool.link == Link::present ? deliver(key, report) : pool.unsent.push_back(std::move(report));
}

void CoreLife::deliver(std::size_t key, const WorldPool::Report& report) {
  const PoolId id = world_.pools.at(key).id;
  if (const AttemptEnd* end = std::get_if<AttemptEnd>(&report.what))
    return check(core_->on_job_ended(id, report.rank, *end, world_.now));
  const StageOutcome& outcome = std::get<StageOutcome>(report.what);
  const auto found = world_.attempts.find(outcome.attempt);
  if (found != world_.attempts.end() && found->second.known) {
    WorldAttempt& attempt = found->second;
    const bool present =
        attempt.reached < attempt.stages.size() && world_.stages[attempt.stages[attempt.reached]].key == outcome.key;
    if (present) outcome.failure ? attempt.failed = true : (++attempt.reached, true);
  }
  may_violate_ =
      found == world_.attempts.end() || found->second.foreign || !world_.has_its_inputs(world_.index.at(outcome.key));
  check(core_->on_stage_reached(id, report.rank, outcome, world_.now));
  may_violate_ = false;
}

}  // namespace espalier
