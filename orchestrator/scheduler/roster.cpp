#include "orchestrator/scheduler/roster.h"

#include <algorithm>
#include <utility>

namespace espalier {

bool PoolSlot::empty() const {
  return std::all_of(ranks.begin(), ranks.end(), [](const RankSlot& rank) { return rank.queue.empty(); });
}

PoolSlot& Roster::join(PoolId pool, std::string name, int ranks) {
  PoolSlot& slot = pools_[pool];
  slot.name = std::move(name);
  slot.ranks.resize(std::max(slot.ranks.size(), static_cast<std::size_t>(ranks)));
  silence(pool);
  return slot;
}

void Roster::silence(PoolId pool) {
  PoolSlot* slot = find(pool);
  if (slot == nullptr) return;
  for (RankSlot& rank : slot->ranks) rank.ready = false;
  refresh(pool);
}

PoolSlot Roster::remove(PoolId pool) {
  silence(pool);
  PoolSlot slot = std::move(pools_.at(pool));
  pools_.erase(pool);
  reserved_.erase(pool);
  return slot;
}

PoolSlot* Roster::find(PoolId pool) {
  const auto found = pools_.find(pool);
  return found == pools_.end() ? nullptr : &found->second;
}

RankSlot* Roster::find(PoolId pool, int rank) {
  PoolSlot* slot = find(pool);
  if (slot == nullptr || rank < 0 || static_cast<std::size_t>(rank) >= slot->ranks.size()) return nullptr;
  return &slot->ranks[static_cast<std::size_t>(rank)];
}

void Roster::hold(std::uint64_t number, Attempt attempt) {
  for (const StageIndex stage : attempt.stages) holder_[stage] = std::max(holder_[stage], number);
  const auto [held, is_new] = attempts_.insert_or_assign(number, std::move(attempt));
  if (held->second.alone_on_host) lone_.insert(number);
  ++find(held->second.pool)->jobs;
  for (const int rank : held->second.ranks()) {
    find(held->second.pool, rank)->queue.push_back(number);
    refresh(held->second.pool, rank);
  }
}

void Roster::move(std::uint64_t number, PoolId pool, int rank) {
  Attempt attempt = release(number);
  attempt.pool = pool;
  attempt.rank = rank;
  hold(number, std::move(attempt));
}

Attempt Roster::release(std::uint64_t number) {
  const auto found = attempts_.find(number);
  Attempt attempt = std::move(found->second);
  attempts_.erase(found);
  lone_.erase(number);
  for (const StageIndex stage : attempt.stages) {
    const auto holder = holder_.find(stage);
    if (holder != holder_.end() && holder->second == number) holder_.erase(holder);
  }
  for (const int rank : attempt.ranks()) {
    if (RankSlot* slot = find(attempt.pool, rank)) {
      std::erase(slot->queue, number);
      refresh(attempt.pool, rank);
    }
  }
  return attempt;
}

Attempt* Roster::find_attempt(std::uint64_t number) {
  const auto found = attempts_.find(number);
  return found == attempts_.end() ? nullptr : &found->second;
}

std::optional<PoolId> Roster::pool_with(StageIndex stage) const {
  const auto holder = holder_.find(stage);
  if (holder == holder_.end()) return std::nullopt;
  return attempts_.at(holder->second).pool;
}

std::optional<std::pair<PoolId, int>> Roster::idlest(std::size_t depth, const std::set<PoolId>& closed,
                                                     const Demand& demand) const {
  for (const auto& [queued, pool, rank] : free_) {
    if (queued >= depth) break;
    if (closed.count(pool) == 0 && fits(pools_.at(pool), pool, rank, demand)) return std::pair(pool, rank);
  }
  return std::nullopt;
}

std::vector<int> Roster::able_ranks(PoolId id, const Demand& demand) const {
  const PoolSlot& pool = pools_.at(id);
  std::vector<int> able;
  for (int rank = 0; rank < static_cast<int>(pool.ranks.size()); ++rank) {
    const RankSlot& slot = pool.ranks[static_cast<std::size_t>(rank)];
    if (slot.ready && !slot.aside && fits(pool, id, rank, demand)) able.push_back(rank);
  }
  std::ranges::stable_sort(able, {}, [&](int rank) {
    const RankSlot& slot = pool.ranks[static_cast<std::size_t>(rank)];
    return std::pair(slot.queue.size(), slot.host);
  });
  return able;
}

bool Roster::fits(const PoolSlot& pool, PoolId id, int rank, const Demand& demand) const {
  const Resources& asked = demand.resources;
  const RankSlot& slot = pool.ranks[static_cast<std::size_t>(rank)];
  if (!lone_.empty() && has_lone_attempt(slot.host)) return false;
  if (demand.alone_on_host && !is_idle(slot.host)) return false;
  if (asked.asks_nothing()) return true;
  if (!asked.label.empty() && std::ranges::find(pool.labels, asked.label) == pool.labels.end()) return false;
  if (slot.memory_gb != 0 && slot.memory_gb < asked.memory_gb) return false;
  if (asked.gpus == 0) return true;
  constexpr double kRounding = 1e-9;  // ten jobs with a tenth each fill a GPU
  return !slot.gpu.empty() && gpu_share_used(slot, id, rank) + asked.gpus <= 1 + kRounding;
}

bool Roster::could_take(const Demand& demand) const {
  const Demand anywhere{demand.ranks, demand.resources};
  return std::ranges::any_of(pools_, [&](const auto& pool) {
    return able_ranks(pool.first, anywhere).size() >= static_cast<std::size_t>(demand.ranks);
  });
}

/// No rank on the host, of any pool, has a job.
bool Roster::is_idle(const std::string& host) const {
  return std::ranges::none_of(pools_, [&](const auto& pool) {
    return std::ranges::any_of(pool.second.ranks,
                               [&](const RankSlot& rank) { return rank.host == host && !rank.queue.empty(); });
  });
}

bool Roster::has_lone_attempt(const std::string& host) const {
  return std::ranges::any_of(lone_, [&](const std::uint64_t number) {
    const Attempt& attempt = attempts_.at(number);
    return pools_.at(attempt.pool).ranks[static_cast<std::size_t>(attempt.rank)].host == host;
  });
}

/// The share used by other ranks on the same GPU, of any pool. A rank runs one job at a time.
double Roster::gpu_share_used(const RankSlot& of, PoolId except_pool, int except_rank) const {
  double used = 0;
  for (const auto& [id, pool] : pools_) {
    for (std::size_t rank = 0; rank < pool.ranks.size(); ++rank) {
      const RankSlot& slot = pool.ranks[rank];
      if (slot.gpu != of.gpu || slot.host != of.host) continue;
      if (id == except_pool && static_cast<int>(rank) == except_rank) continue;
      double most = 0;
      for (const std::uint64_t number : slot.queue) most = std::max(most, attempts_.at(number).gpus);
      used += most;
    }
  }
  return used;
}

void Roster::refresh(PoolId pool, int rank) {
  RankSlot& slot = *find(pool, rank);
  if (slot.listed) {
    free_.erase({*slot.listed, pool, rank});
    idle_ -= *slot.listed == 0 ? 1 : 0;
  }
  slot.listed.reset();
  if (!slot.ready || slot.aside || pools_.at(pool).reserved) return;
  slot.listed = slot.queue.size();
  free_.insert({*slot.listed, pool, rank});
  idle_ += *slot.listed == 0 ? 1 : 0;
}

void Roster::refresh(PoolId pool) {
  const auto ranks = static_cast<int>(pools_.at(pool).ranks.size());
  for (int rank = 0; rank < ranks; ++rank) refresh(pool, rank);
}

void Roster::reserve(PoolId pool, std::optional<Reservation> reservation) {
  pools_.at(pool).reserved = reservation;
  if (reservation) {
    reserved_.insert(pool);
  } else {
    times_freed_ += static_cast<std::int64_t>(reserved_.erase(pool));
  }
  refresh(pool);
}

void Roster::name_stages(std::vector<bool>& named) const {
  for (const auto& [number, attempt] : attempts_) {
    for (const StageIndex stage : attempt.stages) named[stage] = true;
  }
  for (const auto& [id, pool] : pools_) {
    if (pool.reserved) named[pool.reserved->stage] = true;
  }
}

void Roster::renumber(const Renumbering& to) {
  std::unordered_map<StageIndex, std::uint64_t> holder;
  for (auto& [number, attempt] : attempts_) to.apply(attempt.stages);
  for (const auto& [stage, number] : holder_) {
    if (to.has(stage)) holder.emplace(to[stage], number);
  }
  holder_ = std::move(holder);
  for (auto& [id, pool] : pools_) {
    if (pool.reserved) pool.reserved->stage = to[pool.reserved->stage];
    std::erase_if(pool.interrupted, [&](const auto& one) { return !to.has(one.second); });
    for (auto& [at, stage] : pool.interrupted) stage = to[stage];
  }
}

}  // namespace espalier
