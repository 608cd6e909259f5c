#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace espalier {

// What the store knows about sweeps and stages, as plain fields. Times are seconds since 1970 (UTC), durations seconds.

struct SweepRow {
  std::int64_t id = 0;
  std::string label;  ///< the name, or NAME@EDITION for an edition that is not the newest
  std::string state;  ///< "waiting", "running", "finished", "stopped", "cancelled", "failed"
  double created_at = 0, changed_at = 0;
  std::int64_t trials = 0, trials_done = 0;
  std::int64_t trials_failed = 0;     ///< their evaluation itself failed
  std::int64_t trials_blocked = 0;    ///< they wait for a stage that failed
  std::int64_t trials_collapsed = 0;  ///< of those done: pruning left no path from input to output
  std::int64_t stages = 0, stages_done = 0, stages_failed = 0;
  std::int64_t running_attempts = 0;       ///< of stages of this sweep
  std::optional<double> last_finished_at;  ///< the newest outcome among its stages
};

/// Where an attempt runs or ran.
struct AttemptPlace {
  std::string pool;
  int rank = 0;
};

struct FailedStageRow {
  std::string key, label, failure_kind, failure_message;
  std::string failure_cause;  ///< a name of experiments/stages/loss_cause.h
  std::uint64_t attempt = 0;
  double finished_at = 0;
  std::string host;         ///< "" if unknown
  std::int64_t trials = 0;  ///< that cannot be had without it
};

struct StageRow {
  std::string key, kind, label, state;
};

struct StageInputRow {
  std::string role;  ///< "weights", "masks", or "resume_from" for an earlier cut of the same trajectory
  StageRow stage;
};

struct AttemptRow {
  std::uint64_t number = 0;
  std::string pool;
  std::int64_t rank = 0;
  std::string host;  ///< "" if unknown
  double started_at = 0;
  std::optional<double> ended_at;  ///< none while it runs
  std::string how, why;
  std::string cause;  ///< why it ended without its outcome (experiments/stages/loss_cause.h); "" if it did not
};

/// A failure that was charged to the stage.
struct StageFailureRow {
  std::uint64_t attempt = 0;
  double failed_at = 0;
  std::string cause;
  std::optional<std::int64_t> signal, exit_code;
  std::string host, message;  ///< host: "" if unknown
  bool quarantined = false;   ///< this one used up the budget
};

/// Everything about one stage, for `espalier explain`.
struct StageDetails {
  StageRow stage;
  std::uint64_t seed = 0;
  std::string spec;  ///< JSON
  double cost = 0;   ///< predicted multiply-adds after resume_from
  std::int64_t planned_steps = 0;
  std::optional<std::uint64_t> attempt;  ///< the one whose outcome this is
  std::optional<double> finished_at, wall_s;
  std::optional<std::int64_t> steps;
  bool diverged = false;
  bool collapsed = false;         ///< train: the masks left no path from input to output
  std::optional<bool> connected;  ///< of stages that leave masks: whether there is one
  std::optional<std::int64_t> dead_units, effective_kept;
  std::vector<std::string> warnings;
  std::optional<double> best_validation_loss, test_accuracy_at_best_validation, accuracy, loss;
  std::string artifact_sha256;  ///< "" if it leaves none
  std::optional<std::int64_t> artifact_bytes;
  std::string failure_kind, failure_message;  ///< "" unless failed
  std::string failure_cause;                  ///< likewise: that used up its budget
  std::string note;                           ///< why it waits again; "" otherwise
  std::string environment;                    ///< JSON; "" if unknown
  std::vector<StageInputRow> inputs;
  std::vector<StageRow> users;            ///< stages that take it as input, 20 at most
  std::vector<AttemptRow> attempts;       ///< newest first, 20 at most
  std::vector<StageFailureRow> failures;  ///< charged to it, newest first, 20 at most
  std::int64_t trials = 0;                ///< that depend on it
};

/// What stages of a kind have cost so far.
struct KindCostRow {
  std::string kind;
  std::int64_t done = 0;
  double wall_s = 0;       ///< of all of them
  std::int64_t steps = 0;  ///< optimizer steps
};

}  // namespace espalier
