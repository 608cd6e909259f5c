#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "orchestrator/scheduler/core.h"

namespace espalier {

// What is true in a life of the core (core_property_life.h), whatever the core believes: what was submitted, what the
// store has recorded, and what the pools hold.

struct WorldStage {
  StageKey key;
  StageKind kind = StageKind::evaluate;
  int ranks = 1;
  std::vector<std::size_t> inputs;  ///< stages before it
  // As the store has it:
  bool done = false;
  std::optional<LossCause> failed;
  std::vector<std::pair<LossCause, std::string>> charges;  ///< that count, each with its host
  // What the core may suspect it of, since it was last settled:
  bool crashed = false;         ///< it was in a pool that died: it may be a suspect, and wait for others of them
  bool surely_suspect = false;  ///< several ran there, and no culprit was named

  bool settled() const { return done || failed; }
  /// It ran out of memory.
  bool must_be_alone() const;
};

struct WorldSweep {
  SweepId id = 0;
  std::string name;
  int priority = 0;
  bool paused = false, ended = false;
  Resources resources;
  FailurePolicy policy;
  std::vector<std::size_t> stages;  ///< in their order; each is a result, or a result needs it
  struct Trial {
    std::size_t evaluate;
    std::optional<std::size_t> dense;
  };
  std::vector<Trial> trials;
  std::int64_t quarantined = 0;  ///< since it, or the core, began
};

/// A job at a rank, or at the ranks of a gang.
struct WorldAttempt {
  std::size_t pool = 0;
  std::vector<int> ranks;  ///< the first leads
  bool alone = false;
  double gpus = 0;  ///< its share
  // As the core has it:
  std::vector<std::size_t> stages;
  std::size_t reached = 0;
  bool failed = false;    ///< its present stage said so
  bool known = true;      ///< it has not ended
  bool recalled = false;  ///< it was asked back
  bool foreign = false;   ///< some of its stages were not needed when it ended, or since
  // As its ranks have it:
  std::vector<std::size_t> job;
  std::size_t made = 0;
  bool stuck = false;  ///< its present stage failed
  bool held = true;

  std::vector<std::size_t> unreached() const {
    return {stages.begin() + static_cast<std::ptrdiff_t>(reached), stages.end()};
  }
};

struct WorldRank {
  std::string host, gpu;
  double memory_gb = 0;
  bool introduced = false;  ///< to this core
};

struct WorldPool {
  PoolId id = 0;
  std::string name;  ///< and whose it is
  std::string label;
  std::vector<WorldRank> ranks;
  enum class Link {
    present,
    silent,   ///< the core waits for it
    given_up  ///< unknown to the core, or considered lost
  };
  Link link = Link::present;
  std::optional<LossCause> leaving;  ///< why
  struct Report {
    int rank;
    std::variant<StageOutcome, AttemptEnd> what;
  };
  std::vector<Report> unsent;                                 ///< while it was not present
  std::vector<std::pair<Now, std::size_t>> interrupted = {};  ///< stages, when it said so
};

/// Who wants a stage, and how urgently. What is done is not wanted for what needs it; the core may not have noticed
/// that yet, so there are two bounds of what it takes for its urgency.
struct WorldWant {
  static constexpr int kHeld = Target::kHeld;  ///< by paused sweeps alone
  static constexpr int kUnwanted = kHeld - 1;  ///< no sweep needs it
  int least = kUnwanted, most = kUnwanted;
  const WorldSweep* owner = nullptr;  ///< whose resources and policy hold
};

class World {
 public:
  std::vector<WorldStage> stages;
  std::map<StageKey, std::size_t> index;
  std::vector<WorldSweep> sweeps;  ///< those that have not ended in the order of their owning
  std::map<std::size_t, WorldPool> pools;
  std::map<std::uint64_t, WorldAttempt> attempts;
  /// That an earlier coordinator gave up, or this one, as the store would return them.
  std::map<std::uint64_t, OpenAttempt> lost;
  Now now = 1000;

  /// To be called when sweeps change, or outcomes come.
  void forget_wants() { wants_known_ = false; }
  const std::vector<WorldWant>& wants() const;
  bool has_its_inputs(std::size_t stage) const;
  /// One of its inputs failed, or is blocked itself.
  bool is_blocked(std::size_t stage) const;
  /// It could be handed out, except that a pool may hold it.
  bool is_ready(std::size_t stage) const;
  /// Parallel to the stages: an open attempt is to make it.
  enum class Taken : std::uint8_t {
    no,
    maybe,  ///< it was asked back
    yes
  };
  std::vector<Taken> taken() const;
  /// The rank takes jobs, as the core sees it, and has what is asked for; `without`: but for this attempt's share.
  bool is_able(const Core& core, const WorldPool& pool, std::size_t rank, const Resources& asked,
               std::uint64_t without = 0) const;
  /// So much of a GPU is used by attempts of other ranks.
  double gpu_share_used(const WorldPool& pool, std::size_t rank, std::uint64_t without) const;
  /// It is the first that each of its ranks has.
  bool is_running(std::uint64_t number) const;
  std::size_t open_sweeps() const;
  std::optional<std::size_t> find_pool(PoolId id) const;  ///< of those that the core knows

 private:
  mutable std::vector<WorldWant> wants_;
  mutable bool wants_known_ = false;
};

}  // namespace espalier
