#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "orchestrator/scheduler/core.h"
#include "tests/orchestrator/scheduler/core_property_world.h"

namespace espalier {

/// A core that stays, and all that happens to it: sweeps that share stages and ask for this or that, pools that come,
/// fall silent, leave and die, jobs that go well or wrong, and coordinators that are started again on what the store
/// knows. Random, the same for a seed.
class CoreLife {
 public:
  explicit CoreLife(std::uint64_t seed);

  /// So many events, and then an end to all. "", or the first rule that is broken, and where.
  std::string live(int events);

 private:
  void happen();

  // core_property_sweeps.cpp
  void add_sweep();
  void submit_again();
  WorldSweep invent_sweep();
  void add_family(WorldSweep& sweep);
  void add_single(WorldSweep& sweep, const std::string& name, int ranks);
  void add_pruning(WorldSweep& sweep, const std::string& name, int ranks, std::size_t which);
  std::size_t add_stage(WorldSweep& sweep, const std::string& name, StageKind kind, int ranks,
                        std::vector<std::size_t> inputs);
  SweepToRun to_run(const WorldSweep& sweep);
  void set_priority();
  void pause_or_resume();
  void cancel();
  void restart();
  OpenAttempt as_recorded(std::uint64_t number) const;

  // core_property_pools.cpp
  void join();
  WorldPool invent_pool();
  void add_pool(WorldPool pool);
  void come(std::size_t pool);
  void fall_silent();
  void leave_or_die();
  void leave_further(std::size_t pool);
  void crash(std::size_t pool);
  void go_on(std::uint64_t number);
  void reach(std::uint64_t number, std::optional<Failure> failure);
  void end(std::uint64_t number, bool interrupted);
  void say(std::size_t pool, WorldPool::Report report);
  void deliver(std::size_t pool, const WorldPool::Report& report);
  void lose(std::size_t pool, PoolEnd end, bool lives);
  void forget_pool(std::size_t pool);

  // core_property_life.cpp: what the core says
  void check(const Effects& effects);
  void check_record(const StoreChange& change);
  void check_send(const SendJob& send);
  void check_end(const SweepEnded& ended);
  void obey();
  void note_foreign();
  void finish();
  void tick();
  /// The first counts.
  void note(const std::string& broken);

  bool chance(double probability) { return random_.uniform() < probability; }
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(random_.below(count)); }
  template <typename Container>
  const auto& one_of(const Container& all) {
    return *std::next(all.begin(), static_cast<std::ptrdiff_t>(pick(all.size())));
  }

  RandomStream random_;
  World world_;
  std::uint32_t generation_ = 3;
  std::unique_ptr<Core> core_;
  std::vector<std::pair<PoolId, std::uint64_t>> stopped_;  ///< attempts that pools are yet to stop
  bool may_violate_ = false;                               ///< who speaks
  int obeyed_ = 0;                                         ///< in this event
  SweepId next_sweep_ = 1;
  PoolId next_pool_ = 1;
  std::size_t next_world_pool_ = 1;
  struct Family {
    int ranks;
    bool pruned;  ///< or single stages
  };
  std::vector<Family> families_;  ///< of stages, that sweeps may share
  std::string last_, broken_;
};

}  // namespace espalier
