#include "tests/orchestrator/scheduler/core_property_world.h"

#include <algorithm>

namespace espalier {

bool WorldStage::must_be_alone() const {
  return std::ranges::any_of(charges, [](const auto& charge) { return budget_of(charge.first) == Budget::memory; });
}

const std::vector<WorldWant>& World::wants() const {
  if (wants_known_) return wants_;
  wants_known_ = true;
  wants_.assign(stages.size(), {});
  for (const WorldSweep& sweep : sweeps) {
    if (sweep.ended) continue;
    const int urgency = sweep.paused ? WorldWant::kHeld : sweep.priority;
    for (const std::size_t stage : sweep.stages) {
      WorldWant& want = wants_[stage];
      want.most = std::max(want.most, urgency);
      if (want.owner == nullptr) want.owner = &sweep;
    }
    for (const WorldSweep::Trial& trial : sweep.trials) {
      wants_[trial.evaluate].least = std::max(wants_[trial.evaluate].least, urgency);
      if (trial.dense) wants_[*trial.dense].least = std::max(wants_[*trial.dense].least, urgency);
    }
  }
  for (std::size_t stage = stages.size(); stage-- > 0;) {
    if (stages[stage].done) continue;
    for (const std::size_t input : stages[stage].inputs)
      wants_[input].least = std::max(wants_[input].least, wants_[stage].least);
  }
  return wants_;
}

bool World::has_its_inputs(std::size_t stage) const {
  return std::ranges::all_of(stages[stage].inputs, [&](std::size_t input) { return stages[input].done; });
}

bool World::is_blocked(std::size_t stage) const {
  return std::ranges::any_of(stages[stage].inputs, [&](std::size_t input) {
    return !stages[input].done && (stages[input].failed || is_blocked(input));
  });
}

bool World::is_ready(std::size_t stage) const {
  return wants()[stage].least > WorldWant::kHeld && !stages[stage].settled() && has_its_inputs(stage);
}

std::vector<World::Taken> World::taken() const {
  std::vector<Taken> taken(stages.size(), Taken::no);
  for (const auto& [number, attempt] : attempts) {
    if (!attempt.known) continue;
    for (std::size_t i = attempt.reached; i < attempt.stages.size(); ++i) {
      Taken& stage = taken[attempt.stages[i]];
      stage = std::max(stage, attempt.recalled ? Taken::maybe : Taken::yes);
    }
  }
  return taken;
}

bool World::is_able(const Core& core, const WorldPool& pool, std::size_t rank, const Resources& asked,
                    std::uint64_t without) const {
  const PoolSlot& known = *core.find_pool(pool.id);
  if (rank >= known.ranks.size()) return false;
  const RankSlot& slot = known.ranks[rank];
  if (!slot.ready || slot.aside) return false;
  if (!asked.label.empty() && pool.label != asked.label) return false;
  const WorldRank& has = pool.ranks[rank];
  if (has.memory_gb != 0 && has.memory_gb < asked.memory_gb) return false;
  if (asked.gpus == 0) return true;
  return !has.gpu.empty() && gpu_share_used(pool, rank, without) + asked.gpus < 1.001;
}

double World::gpu_share_used(const WorldPool& of, std::size_t of_rank, std::uint64_t without) const {
  std::map<std::pair<std::size_t, int>, double> most;  // a rank runs one at a time
  for (const auto& [number, attempt] : attempts) {
    if (!attempt.known || number == without || attempt.gpus == 0) continue;
    const WorldPool& pool = pools.at(attempt.pool);
    for (const int rank : attempt.ranks) {
      const WorldRank& has = pool.ranks[static_cast<std::size_t>(rank)];
      if (!has.introduced || has.host != of.ranks[of_rank].host || has.gpu != of.ranks[of_rank].gpu) continue;
      if (&pool == &of && rank == static_cast<int>(of_rank)) continue;
      double& share = most[{attempt.pool, rank}];
      share = std::max(share, attempt.gpus);
    }
  }
  double used = 0;
  for (const auto& [rank, share] : most) used += share;
  return used;
}

bool World::is_running(std::uint64_t number) const {
  const WorldAttempt& attempt = attempts.at(number);
  if (!attempt.held) return false;
  for (const auto& [earlier, other] : attempts) {
    if (earlier == number) return true;
    if (!other.held || other.pool != attempt.pool) continue;
    if (std::ranges::any_of(other.ranks, [&](int rank) { return std::ranges::count(attempt.ranks, rank) != 0; }))
      return false;
  }
  return true;
}

std::size_t World::open_sweeps() const {
  return static_cast<std::size_t>(std::ranges::count(sweeps, false, &WorldSweep::ended));
}

std::optional<std::size_t> World::find_pool(PoolId id) const {
  for (const auto& [key, pool] : pools) {
    if (pool.id == id && pool.link != WorldPool::Link::given_up) return key;
  }
  return std::nullopt;
}

}  // namespace espalier
