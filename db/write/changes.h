#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "experiments/stages/loss_cause.h"
#include "experiments/stages/outcome.h"

// The changes written to a store, and the records read back to resume, as plain values: the scheduler needs no
// database.
namespace espalier {

using SweepId = std::int64_t;
using EnvironmentId = std::int64_t;

/// What happened, to be made durable. Times are seconds since 1970 (UTC).
struct AttemptStarted {
  std::uint64_t attempt = 0;
  std::string pool;  ///< the pool's name: "local-1"
  int rank = 0;
  EnvironmentId environment = 0;
  std::vector<StageKey> stages;
  double at = 0;
  std::string owner = {};      ///< SHA-256 of the pool's identity, hex; "" if unknown
  std::vector<int> gang = {};  ///< the ranks that run it together, `rank` first; empty: `rank` alone
};
struct StageFinished {
  StageOutcome outcome;  ///< done, or failed if outcome.failure is set
  EnvironmentId environment = 0;
  double at = 0;
};
struct AttemptEnded {
  std::uint64_t attempt = 0;
  std::string how;  ///< "finished", "failed", "interrupted", "lost", "returned" (it had only waited)
  std::string why;  ///< for people; "" if there is nothing to add
  double at = 0;
  std::optional<LossCause> cause = {};  ///< of one that ended without its outcome
};
/// A failure that was charged to a stage, with its evidence.
struct FailureCharged {
  StageKey stage;
  std::uint64_t attempt = 0;
  double at = 0;
  LossCause cause = LossCause::error;
  std::optional<int> signal, exit_code;  ///< of the process, where known
  std::string host;                      ///< "" if unknown
  std::string pool;
  int rank = 0;
  std::string message;
  std::string log;        ///< the last lines of the worker's log
  std::string backtrace;  ///< "" if there is none
  bool quarantined = false;
};
/// A done stage has to be done again: its artifact is missing or damaged.
struct StageReopened {
  StageKey stage;
  std::string note;
};
/// A done stage's artifact was removed, or exists after all. The result is kept.
struct ArtifactRemoved {
  StageKey stage;
  std::optional<double> at;  ///< none: it exists
};
/// A worker reported an environment that was not recorded yet. Its id is unique (Store::environments).
struct EnvironmentSeen {
  EnvironmentId environment = 0;
  std::string json;
};
struct SweepChanged {
  SweepId sweep = 0;
  std::string state;  ///< "running", "finished", "stopped", "cancelled", "failed"
  double at = 0;
};
/// A sweep was submitted to a permanent coordinator, or its settings changed.
struct SweepSubmitted {
  SweepId sweep = 0;
  double at = 0;                       ///< the first time counts
  std::string data, program, catalog;  ///< the folder; SHA-256, hex
  int priority = 0;
  bool paused = false;
  bool open = true;
  std::string folder = {};  ///< where it was submitted: its relative paths begin there; "" if unknown
};
/// An open submission.
struct Submission {
  SweepId sweep = 0;
  double at = 0;
  std::string data, program, catalog;
  int priority = 0;
  bool paused = false;
  std::string label, yaml;
  std::string folder = {};                  ///< as in SweepSubmitted
  std::vector<std::string> overrides = {};  ///< "train.epochs=2": of --set, in their order
};
/// An attempt without a recorded end: it runs, or its coordinator died.
struct OpenAttempt {
  std::uint64_t attempt = 0;
  std::string pool;
  int rank = 0;
  std::vector<StageKey> stages;
  double started_at = 0;
  std::string owner = {};      ///< as in AttemptStarted
  std::vector<int> gang = {};  ///< as in AttemptStarted
};
/// A failure that was charged in an earlier run.
struct OpenCharge {
  StageIndex stage = 0;
  LossCause cause = LossCause::error;
  std::string host;
};
using StoreChange = std::variant<AttemptStarted, StageFinished, AttemptEnded, SweepChanged, FailureCharged,
                                 StageReopened, ArtifactRemoved, EnvironmentSeen, SweepSubmitted>;

}  // namespace espalier
