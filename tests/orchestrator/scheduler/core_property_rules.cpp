#include "tests/orchestrator/scheduler/core_property_rules.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace espalier {
namespace {

using Link = WorldPool::Link;

/// The attempt is to make the stage, and has, or makes, what it needs.
bool makes(const World& world, const WorldAttempt& attempt, std::size_t stage) {
  const std::vector<std::size_t> unreached = attempt.unreached();
  if (std::ranges::count(unreached, stage) == 0) return false;
  return std::ranges::all_of(world.stages[stage].inputs, [&](std::size_t input) {
    return world.stages[input].done || std::ranges::count(unreached, input) != 0;
  });
}

/// Nothing else of the kind is open, or what is open is not needed.
std::string broken_by_stages(const World& world, std::uint64_t number) {
  const WorldAttempt& attempt = world.attempts.at(number);
  const Resources& asked = world.wants()[attempt.stages.front()].owner->resources;
  std::vector<std::size_t> chain;
  for (const std::size_t index : attempt.stages) {
    const WorldStage& stage = world.stages[index];
    const WorldWant& want = world.wants()[index];
    if (stage.settled()) return fmt::format("stage {} was sent, and is settled", index);
    if (want.most <= WorldWant::kHeld) return fmt::format("stage {} was sent, and nobody wants it now", index);
    if (want.owner->resources != asked) return fmt::format("stage {} was sent with stages that ask for more", index);
    if (stage.ranks != static_cast<int>(attempt.ranks.size()))
      return fmt::format("stage {} was sent to {} ranks", index, attempt.ranks.size());
    for (const std::size_t input : stage.inputs) {
      if (!world.stages[input].done && std::ranges::count(chain, input) == 0)
        return fmt::format("stage {} was sent without its input {}", index, input);
    }
    for (const auto& [other, theirs] : world.attempts) {
      if (other != number && theirs.known && !theirs.recalled && makes(world, theirs, index))
        return fmt::format("stage {} was handed out twice", index);
    }
    chain.push_back(index);
  }
  return "";
}

bool has_any(const World& world, const WorldAttempt& attempt, bool WorldStage::*what) {
  return std::ranges::any_of(attempt.stages, [&](std::size_t stage) { return world.stages[stage].*what; });
}

/// Ranks of a pool that do, or could, run the stage together.
struct Capacity {
  int able = 0, idle = 0;
};
Capacity capacity_for(const World& world, const Core& core, const WorldPool& pool, const Resources& asked) {
  Capacity capacity;
  const PoolSlot& slot = *core.find_pool(pool.id);
  for (std::size_t rank = 0; rank < pool.ranks.size(); ++rank) {
    if (!world.is_able(core, pool, rank, asked)) continue;
    ++capacity.able;
    capacity.idle += slot.ranks[rank].queue.empty() ? 1 : 0;
  }
  return capacity;
}

/// What a pool is used for at this moment.
struct PoolUse {
  const WorldPool* pool = nullptr;
  const PoolSlot* slot = nullptr;
  int attempts = 0;
  bool alone = false;    ///< one of them must be
  bool suspect = false;  ///< one of them may be
  int kept_for = WorldWant::kUnwanted;
  bool runs_it = false;  ///< what it was kept for, alone
};

std::string broken_by_reservation(const World& world, const Core& core, const std::vector<World::Taken>& taken,
                                  const PoolUse& use) {
  if (use.alone && use.attempts > 1) return "something runs beside a job that must be alone";
  if (!use.slot->reserved || use.runs_it) return "";
  const std::size_t stage = world.index.at(core.graph().stages[use.slot->reserved->stage].key);
  const WorldWant& want = world.wants()[stage];
  const std::string what = fmt::format("{} is kept for stage {}, which ", use.pool->name, stage);
  if (want.most <= WorldWant::kHeld) return what + "nobody wants";
  if (taken[stage] == World::Taken::yes || world.stages[stage].settled()) return what + "is not to be handed out";
  if (capacity_for(world, core, *use.pool, want.owner->resources).able < world.stages[stage].ranks)
    return what + "it cannot run";
  return "";
}

/// A rank that could run it is idle.
std::string broken_by_waiting(const World& world, const Core& core, std::size_t index, const PoolUse& use) {
  const WorldStage& stage = world.stages[index];
  const WorldWant& want = world.wants()[index];
  if (use.runs_it || use.kept_for >= want.least) return "";
  if (stage.must_be_alone() ? use.attempts > 0 : stage.crashed && use.suspect) return "";
  if (capacity_for(world, core, *use.pool, want.owner->resources).idle < stage.ranks) return "";
  return fmt::format("ranks of {} idle beside stage {} of {} ranks{}", use.pool->name, index, stage.ranks,
                     stage.must_be_alone() ? ", which must be alone"
                     : stage.crashed       ? ", which crashed"
                                           : "");
}

/// Every attempt is in the queues of its ranks, and nothing else is.
std::string broken_by_queues(const World& world, const Core& core, const std::vector<PoolUse>& uses) {
  for (const PoolUse& use : uses) {
    std::size_t queued = 0;
    for (const RankSlot& rank : use.slot->ranks) queued += rank.queue.size();
    for (const auto& [number, attempt] : world.attempts) {
      if (!attempt.known || &world.pools.at(attempt.pool) != use.pool) continue;
      for (const int rank : attempt.ranks) {
        const auto at = static_cast<std::size_t>(rank);
        const bool there = at < use.slot->ranks.size() && std::ranges::count(use.slot->ranks[at].queue, number) == 1;
        if (!there) return fmt::format("rank {} of {} looks as if it had no attempt {}", rank, use.pool->name, number);
        --queued;
      }
    }
    if (queued != 0) return fmt::format("ranks of {} look as if they had more than they do", use.pool->name);
  }
  const bool idle = std::ranges::none_of(world.attempts, [](const auto& one) { return one.second.known; });
  return idle == core.idle() ? "" : "the core takes itself for idle, or does not";
}

std::vector<PoolUse> find_uses(const World& world, const Core& core) {
  std::vector<PoolUse> uses;
  for (const auto& [key, pool] : world.pools) {
    if (pool.link == Link::given_up) continue;
    PoolUse use{&pool, core.find_pool(pool.id)};
    std::optional<std::size_t> kept_for;
    if (use.slot->reserved) {
      kept_for = world.index.at(core.graph().stages[use.slot->reserved->stage].key);
      use.kept_for = world.wants()[*kept_for].most;
    }
    for (const auto& [number, attempt] : world.attempts) {
      if (!attempt.known || attempt.pool != key) continue;
      ++use.attempts;
      use.alone = use.alone || attempt.alone;
      use.suspect = use.suspect || has_any(world, attempt, &WorldStage::crashed);
      const bool has_it = kept_for && std::ranges::count(attempt.stages, *kept_for) != 0;
      use.runs_it = use.runs_it || (has_it && use.slot->reserved->why == Reservation::Why::alone);
    }
    uses.push_back(use);
  }
  return uses;
}

}  // namespace

std::string broken_by_sending(const World& world, const Core& core, std::uint64_t number) {
  const WorldAttempt& attempt = world.attempts.at(number);
  if (std::string broken = broken_by_stages(world, number); !broken.empty()) return broken;
  const WorldPool& pool = world.pools.at(attempt.pool);
  if (pool.link != Link::present) return "a job was sent to a pool that is not there";
  const Resources& asked = world.wants()[attempt.stages.front()].owner->resources;
  for (const int rank : attempt.ranks) {
    if (!world.is_able(core, pool, static_cast<std::size_t>(rank), asked, number))
      return fmt::format("stage {} was sent to a rank that does not have what it asks for", attempt.stages.front());
  }
  const bool must_be_alone =
      std::ranges::any_of(attempt.stages, [&](std::size_t stage) { return world.stages[stage].must_be_alone(); });
  if (must_be_alone != attempt.alone) return "a job that ran out of memory was sent beside others";
  for (const auto& [other, theirs] : world.attempts) {
    if (other == number || !theirs.known || theirs.pool != attempt.pool) continue;
    if (attempt.alone || theirs.alone) return "something was sent beside a job that must be alone";
    if (has_any(world, attempt, &WorldStage::surely_suspect) && has_any(world, theirs, &WorldStage::surely_suspect))
      return "a suspect was sent beside another";
  }
  return "";
}

std::string broken_by_the_order_of(const World& world, const Core& core, const std::vector<std::uint64_t>& sent) {
  if (sent.empty()) return "";
  const std::vector<World::Taken> taken = world.taken();
  for (std::size_t index = 0; index < world.stages.size(); ++index) {
    const WorldStage& stage = world.stages[index];
    if (!world.is_ready(index) || taken[index] != World::Taken::no || stage.must_be_alone() || stage.crashed) continue;
    const WorldWant& want = world.wants()[index];
    for (const std::uint64_t number : sent) {
      const WorldAttempt& attempt = world.attempts.at(number);
      if (world.wants()[attempt.stages.front()].most >= want.least) continue;
      const WorldPool& pool = world.pools.at(attempt.pool);
      const PoolSlot& slot = *core.find_pool(pool.id);
      int free = 0;  // but for this job
      for (std::size_t rank = 0; rank < pool.ranks.size(); ++rank) {
        const std::deque<std::uint64_t>& queue = slot.ranks[rank].queue;
        const bool its_own = std::ranges::count(queue, number) != 0;
        if (!queue.empty() && !(its_own && (queue.size() == 1 || stage.ranks == 1))) continue;
        free += world.is_able(core, pool, rank, want.owner->resources, number) ? 1 : 0;
      }
      if (free >= stage.ranks)
        return fmt::format("attempt {} was sent before stage {}, which goes first", number, index);
    }
  }
  for (std::size_t i = 1; i < sent.size(); ++i) {
    const WorldAttempt &later = world.attempts.at(sent[i]), &before = world.attempts.at(sent[i - 1]);
    if (later.pool != before.pool || std::ranges::count(before.ranks, later.ranks.front()) == 0) continue;
    if (world.wants()[later.stages.front()].least > world.wants()[before.stages.front()].most)
      return fmt::format("attempt {} was sent behind attempt {}, and goes first", sent[i], sent[i - 1]);
  }
  return "";
}

std::string broken_by_charging(const World& world, const StageKey& key, LossCause cause, bool quarantined) {
  const std::size_t index = world.index.at(key);
  const WorldStage& stage = world.stages[index];
  const WorldSweep* owner = world.wants()[index].owner;
  if (stage.done) return fmt::format("stage {} is done, and a failure was charged to it", index);
  if (owner == nullptr) return fmt::format("nobody wants stage {}, and a failure was charged to it", index);
  const Budget budget = budget_of(cause);
  if (budget != Budget::error && budget != Budget::memory) return "";
  const auto before =
      std::ranges::count_if(stage.charges, [&](const auto& one) { return budget_of(one.first) == budget; });
  const std::int64_t most = budget == Budget::error ? owner->policy.errors : owner->policy.out_of_memory;
  if (quarantined == (before + 1 >= most)) return "";
  return fmt::format("stage {} failed {} times, of {}, and {} quarantined", index, before + 1, most,
                     quarantined ? "is" : "is not");
}

std::string broken_by_ending(const World& world, const Core& core, const WorldSweep& sweep) {
  std::int64_t done = 0, failed = 0, blocked = 0;
  const auto open = [&](std::size_t stage) { return !world.stages[stage].settled() && !world.is_blocked(stage); };
  for (const WorldSweep::Trial& trial : sweep.trials) {
    if (open(trial.evaluate) || (trial.dense && open(*trial.dense)))
      return sweep.name + " has ended, and not all of its results are there";
    const WorldStage& stage = world.stages[trial.evaluate];
    done += stage.done ? 1 : 0;
    failed += stage.failed ? 1 : 0;
    blocked += !stage.settled() ? 1 : 0;
  }
  const auto known = std::ranges::find(core.sweeps(), sweep.id, &Workload::Sweep::id);
  const SweepStatus status = core.sweep_status(*known);
  if (status.trials_done == done && status.trials_failed == failed + blocked && status.trials_blocked == blocked)
    return "";
  return fmt::format("{} ended with {} done, {} failed and {} blocked; the core says {}, {} and {}", sweep.name, done,
                     failed + blocked, blocked, status.trials_done, status.trials_failed, status.trials_blocked);
}

std::string broken_at_rest(const World& world, const Core& core) {
  const std::vector<PoolUse> uses = find_uses(world, core);
  if (std::string broken = broken_by_queues(world, core, uses); !broken.empty()) return broken;
  const std::vector<World::Taken> taken = world.taken();
  for (const PoolUse& use : uses) {
    if (std::string broken = broken_by_reservation(world, core, taken, use); !broken.empty()) return broken;
  }
  if (core.is_paused()) return "";
  for (std::size_t stage = 0; stage < world.stages.size(); ++stage) {
    if (!world.is_ready(stage) || taken[stage] != World::Taken::no) continue;
    for (const PoolUse& use : uses) {
      if (std::string broken = broken_by_waiting(world, core, stage, use); !broken.empty()) return broken;
    }
  }
  return "";
}

}  // namespace espalier
