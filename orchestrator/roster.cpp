#include "orchestrator/roster.h"

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
  const PoolId pool = attempt.pool;
  const int rank = attempt.rank;
  find(pool, rank)->queue.push_back(number);
  for (const StageIndex stage : attempt.stages) holder_[stage] = number;
  attempts_.insert_or_assign(number, std::move(attempt));
  refresh(pool, rank);
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
  for (const StageIndex stage : attempt.stages) {
    const auto holder = holder_.find(stage);
    if (holder != holder_.end() && holder->second == number) holder_.erase(holder);
  }
  if (RankSlot* slot = find(attempt.pool, attempt.rank)) {
    std::erase(slot->queue, number);
    refresh(attempt.pool, attempt.rank);
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

std::optional<std::pair<PoolId, int>> Roster::idlest(std::size_t depth, const std::set<PoolId>& closed) const {
  for (const auto& [queued, pool, rank] : free_) {
    if (queued >= depth) break;
    if (closed.count(pool) == 0) return std::pair(pool, rank);
  }
  return std::nullopt;
}

void Roster::refresh(PoolId pool, int rank) {
  RankSlot& slot = *find(pool, rank);
  const bool behind = slot.ready && slot.queue.size() > 1;
  if (behind && !slot.behind) behind_.emplace(pool, rank);
  if (!behind && slot.behind) behind_.erase({pool, rank});
  slot.behind = behind;
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

}  // namespace espalier
