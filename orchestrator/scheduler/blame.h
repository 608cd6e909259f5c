#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "experiments/spec/failure_policy.h"
#include "experiments/stages/loss_cause.h"
#include "orchestrator/scheduler/renumbering.h"

namespace espalier {

/// Who is suspected of what, and what has been charged to whom. Pure.
///
/// MPI takes a whole pool down with one rank, so of several jobs that ran any may be the culprit. If a dying rank left
/// a note, it is named. Otherwise all become suspects: each runs again with no other suspect in its pool, and the next
/// crash has one name. Whoever ran alone has it at once. Bystanders of a named culprit are kept apart from suspects
/// too, so that the culprit's next crash does not hit the same innocents again.
class Blame {
 public:
  /// An attempt that ran when its pool died.
  struct Running {
    std::uint64_t attempt = 0;
    StageIndex stage = 0;               ///< where it was
    std::vector<StageIndex> unreached;  ///< that stage and those of its job after it
    bool named = false;                 ///< its rank left a note, or is known to have died first
  };

  /// A pool died with these. Returns the culprits, which the caller charges; none while there are only suspects.
  std::vector<Running> on_crash(const std::vector<Running>& running, const std::vector<StageIndex>& interrupted);

  /// One more failure of this stage. True: its budget is used up. Errors that cost no budget are none.
  bool charge(StageIndex stage, LossCause cause, const std::string& host, const FailurePolicy& policy);
  /// It was interrupted, and nobody is to blame. True: too often in a row without getting any further.
  bool on_interrupted(StageIndex stage, bool progressed, const FailurePolicy& policy);
  /// It is done, or was given up: it is under no suspicion, nor is whoever suffered from it.
  void settle(StageIndex stage);
  /// What happened on this host was the host's fault.
  void forgive(const std::string& host);

  /// Whatever is known of stages that were forgotten is forgotten too.
  void renumber(const Renumbering& to);

  /// At most one of these runs in a pool.
  const std::set<StageIndex>& suspects() const { return suspects_; }
  /// It ran out of memory: it gets a pool to itself.
  bool must_be_alone(StageIndex stage) const { return alone_.count(stage) != 0; }
  const std::set<StageIndex>& alone() const { return alone_; }

 private:
  struct Charges {
    std::int64_t errors = 0, out_of_memory = 0;
    std::vector<std::string> crash_hosts;  ///< one entry a crash
  };
  std::vector<Running> find_culprits(const std::vector<Running>& running) const;

  std::set<StageIndex> suspects_;
  std::map<StageIndex, std::set<StageIndex>> bystanders_;  ///< by culprit; also among the suspects
  std::set<StageIndex> alone_;
  std::map<StageIndex, Charges> charges_;
  std::map<StageIndex, std::int64_t> fruitless_;
};

}  // namespace espalier
