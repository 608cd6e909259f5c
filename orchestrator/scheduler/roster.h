#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "db/write/changes.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/stages/loss_cause.h"
#include "orchestrator/scheduler/demand.h"
#include "orchestrator/scheduler/ids.h"
#include "orchestrator/scheduler/renumbering.h"

namespace espalier {

/// One execution of a job.
struct Attempt {
  std::vector<StageIndex> stages;
  std::size_t reached = 0;  ///< number of its stages that have an outcome
  PoolId pool = 0;
  int rank = 0;
  Now sent_at = 0;
  bool recalled = false;             ///< a stop was sent
  std::optional<LossCause> failure;  ///< the failure its present stage reported
  bool alone = false;                ///< nothing else runs in its pool
  bool alone_on_host = false;        ///< nothing else of ours runs on its rank's host
  std::vector<int> gang = {};        ///< the ranks that run it together, `rank` first; empty: `rank` alone
  double gpus = 0;                   ///< its share of the rank's GPU
  double fraction = 0;               ///< of the present stage

  std::vector<int> ranks() const { return gang.empty() ? std::vector{rank} : gang; }
  bool all_reached() const { return reached == stages.size(); }
  /// Its present stage and those after it.
  std::vector<StageIndex> unreached() const {
    return {stages.begin() + static_cast<std::ptrdiff_t>(reached), stages.end()};
  }
};

struct RankSlot {
  bool ready = false;
  bool aside = false;  ///< its node is set aside
  EnvironmentId environment = 0;
  std::string host;
  std::string gpu;                    ///< which of the host's; "" for none
  double memory_gb = 0;               ///< that it may use; 0: no limit
  std::deque<std::uint64_t> queue;    ///< in the order the rank runs them: the first is running
  std::optional<std::size_t> listed;  ///< the depth under which the roster lists it as free
};

/// A pool is kept free of new jobs for this stage, until enough of its ranks are idle.
struct Reservation {
  enum class Why {
    gang,  ///< it needs several ranks at once
    alone  ///< it ran out of memory, and needs the pool to itself
  };
  StageIndex stage = 0;
  Why why = Why::gang;
};

struct PoolSlot {
  std::string name;
  std::string owner;  ///< SHA-256 of its identity, hex: the owner of its attempts; "" if unknown
  std::vector<std::string> labels;
  bool draining = false;  ///< it was asked to leave
  std::vector<RankSlot> ranks;
  std::int64_t jobs = 0;  ///< number of jobs sent to it
  std::optional<Reservation> reserved;
  std::vector<std::pair<Now, StageIndex>> interrupted;  ///< without a recall by the core

  bool empty() const;
};

/// Which pools there are, and which attempts each of their ranks holds. Pure bookkeeping: decides nothing.
class Roster {
 public:
  /// Adds a pool, or reconnects a silent one: its ranks keep their attempts, and none of them is ready.
  PoolSlot& join(PoolId pool, std::string name, int ranks);
  /// It gets no new jobs.
  void silence(PoolId pool);
  /// Its attempts stay; the caller ends them.
  PoolSlot remove(PoolId pool);

  PoolSlot* find(PoolId pool);
  RankSlot* find(PoolId pool, int rank);
  const std::map<PoolId, PoolSlot>& pools() const { return pools_; }
  std::map<PoolId, PoolSlot>& pools() { return pools_; }

  /// Appends it to its rank's queue, or to those of its gang.
  void hold(std::uint64_t number, Attempt attempt);
  /// Appends it to another rank's queue; not for an attempt of a gang.
  void move(std::uint64_t number, PoolId pool, int rank);
  /// Removes it.
  Attempt release(std::uint64_t number);
  Attempt* find_attempt(std::uint64_t number);
  /// The pool that holds an attempt with this stage, done or not; none if no pool does.
  std::optional<PoolId> pool_with(StageIndex stage) const;
  const std::unordered_map<std::uint64_t, Attempt>& attempts() const { return attempts_; }

  /// The rank with the shortest queue below `depth` that satisfies the demand, in a pool that is not `closed`; ties by
  /// pool and rank.
  std::optional<std::pair<PoolId, int>> idlest(std::size_t depth, const std::set<PoolId>& closed,
                                               const Demand& demand) const;
  /// Ranks of the pool that take jobs and satisfy the demand; those with the shortest queues first, ties by host and
  /// rank.
  std::vector<int> able_ranks(PoolId pool, const Demand& demand) const;
  /// Whether a connected rank would satisfy it if its host were idle.
  bool could_take(const Demand& demand) const;
  /// Ranks that are free and have an empty queue.
  std::int64_t idle_ranks() const { return idle_; }
  /// Calls visit(pool, rank) for every free rank with a queued job behind its running one, until it returns false.
  template <typename Visit>
  void for_each_with_waiting(Visit visit) const {
    for (auto entry = free_.rbegin(); entry != free_.rend() && std::get<0>(*entry) >= 2; ++entry) {
      if (!visit(std::get<1>(*entry), std::get<2>(*entry))) return;
    }
  }
  /// Reserves a pool; without a value, drops its reservation.
  void reserve(PoolId pool, std::optional<Reservation> reservation);
  const std::set<PoolId>& reserved() const { return reserved_; }
  /// How often a reservation was dropped.
  std::int64_t times_freed() const { return times_freed_; }
  /// Sets `named` (parallel to the graph's stages) to true for stages of attempts and reservations.
  void name_stages(std::vector<bool>& named) const;
  /// None of those stages was dropped.
  void renumber(const Renumbering& to);
  /// Call it after changing RankSlot::ready or aside.
  void refresh(PoolId pool, int rank);
  void refresh(PoolId pool);

 private:
  std::map<PoolId, PoolSlot> pools_;
  std::unordered_map<std::uint64_t, Attempt> attempts_;
  std::unordered_map<StageIndex, std::uint64_t> holder_;  ///< the last attempt that has a stage
  std::set<std::uint64_t> lone_;                          ///< attempts that are alone on their hosts
  bool fits(const PoolSlot& pool, PoolId id, int rank, const Demand& demand) const;
  bool is_idle(const std::string& host) const;
  bool has_lone_attempt(const std::string& host) const;
  double gpu_share_used(const RankSlot& of, PoolId except_pool, int except_rank) const;

  std::set<std::tuple<std::size_t, PoolId, int>> free_;
  std::int64_t idle_ = 0;  ///< of free_, with nothing in their queues
  std::set<PoolId> reserved_;
  std::int64_t times_freed_ = 0;
};

}  // namespace espalier
