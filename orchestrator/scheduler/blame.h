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

/// Finds the job that caused a crash, and counts failures against budgets. Pure.
///
/// MPI takes a whole pool down with one rank, so any of the jobs that ran may be the culprit. If a dying rank left a
/// crash note, its job is the culprit. Otherwise all become suspects: each is retried with no other suspect in its
/// pool, so that the next crash has one culprit. A job that ran alone is the culprit at once. Bystanders of a culprit
/// are also kept apart from suspects, so that the culprit's next crash does not interrupt the same jobs again.
class Blame {
 public:
  /// An attempt that ran when its pool died.
  struct Running {
    std::uint64_t attempt = 0;
    StageIndex stage = 0;               ///< where it was
    std::vector<StageIndex> unreached;  ///< that stage and those of its job after it
    bool named = false;                 ///< its rank left a crash note, or is known to have died first
  };

  /// A pool died while these ran. Returns the culprits, which the caller charges; none while there are only suspects.
  std::vector<Running> on_crash(const std::vector<Running>& running, const std::vector<StageIndex>& interrupted);

  /// Counts one more failure of this stage. True: its budget is used up. Causes without a budget are not counted.
  bool charge(StageIndex stage, LossCause cause, const std::string& host, const FailurePolicy& policy);
  /// The stage was interrupted by no fault of a job. True: too often in a row without progress.
  bool on_interrupted(StageIndex stage, bool progressed, const FailurePolicy& policy);
  /// The stage is done or quarantined: it is no suspect any more, nor are its bystanders.
  void settle(StageIndex stage);
  /// Removes the crashes charged on this host: they were the host's fault.
  void forgive(const std::string& host);

  /// Removes what is recorded of stages that the graph has dropped.
  void renumber(const Renumbering& to);

  /// At most one of these runs in a pool.
  const std::set<StageIndex>& suspects() const { return suspects_; }
  /// It ran out of memory: it must have a pool to itself.
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
  std::map<StageIndex, std::int64_t> interruptions_;
};

}  // namespace espalier
