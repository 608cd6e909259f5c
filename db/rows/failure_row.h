#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace espalier {

/// A failure that was charged to a stage, with its evidence. A stage that failed before failures were charged has one
/// made of what its row says.
struct ChargedFailureRow {
  std::int64_t stage = 0;        ///< id, by which TrialFateRow refers to it
  std::string key, label, kind;  ///< of the stage
  std::string state;             ///< of the stage now: "waiting", "done", "failed" (quarantined)
  std::uint64_t attempt = 0;
  double failed_at = 0;  ///< seconds since 1970 (UTC)
  std::string cause;     ///< a name of experiments/stages/loss_cause.h
  std::optional<int> signal, exit_code;
  std::string host;  ///< "" if unknown
  std::string pool;  ///< "" if unknown
  std::int64_t rank = 0;
  std::string message;
  std::string log;           ///< the last lines of the worker's log; "" if there are none
  std::string backtrace;     ///< "" if there is none
  bool quarantined = false;  ///< this one used up the budget
  std::int64_t trials = 0;   ///< of the sweep, that cannot be had without the stage
};

/// A training whose loss became infinite or not a number: a result, not a failure.
struct DivergedStageRow {
  std::int64_t stage = 0;  ///< id
  std::string key, label;
  std::uint64_t seed = 0;
  std::int64_t steps = 0;   ///< that it got to
  std::int64_t trials = 0;  ///< of the sweep, that it is behind
};

/// A trial of a sweep: what distinguishes it from the others, and its outcome.
struct TrialFateRow {
  std::string key;
  std::uint64_t seed = 0;
  std::string dataset, model, variant, method, criterion, granularity, allocation, schedule;
  std::int64_t rounds = 0;
  std::string retrain, control;
  double sparsity_target = 0;
  std::int64_t pruned_at_step = 0;
  std::optional<double> rate;
  std::string state;                   ///< "done", "failed" (its evaluation), "blocked" (by a failed stage), "waiting"
  std::vector<std::int64_t> struck;    ///< ids of the stages behind it that failures were charged to, ascending
  std::vector<std::int64_t> diverged;  ///< ids of the stages behind it that diverged, ascending
};

/// What a host has done.
struct HostWorkRow {
  std::string host;
  std::string kind;           ///< of stages
  std::int64_t done = 0;      ///< in the whole store
  std::int64_t in_sweep = 0;  ///< of these, in the requested sweep
};

}  // namespace espalier
