#pragma once

#include "db/sqlite/prepared.h"
#include "db/write/changes.h"

namespace espalier {

/// Writes changes, inside the caller's transaction, with statements prepared once.
/// Errors: SQLite::Exception; RefusedChange for an outcome of a stage that was never recorded.
class ChangeRecorder {
 public:
  explicit ChangeRecorder(const SQLite::Database& database);

  void record(const AttemptStarted& started);
  void record(const StageFinished& finished);
  void record(const AttemptEnded& ended);
  void record(const SweepChanged& changed);
  void record(const FailureCharged& charged);
  void record(const StageReopened& reopened);
  void record(const ArtifactRemoved& removed);
  void record(const EnvironmentSeen& seen);
  void record(const SweepSubmitted& submitted);

 private:
  /// The stage, if its outcome is new; none if it is done already, or if this attempt has reported it before.
  std::optional<std::int64_t> stage_awaiting(const StageOutcome& outcome);
  void record_failure(std::int64_t stage, const StageFinished& finished);
  void record_done(std::int64_t stage, const StageFinished& finished);
  void record_latencies(std::int64_t stage, const std::vector<LatencyMeasurement>& latencies);
  void record_layers(std::int64_t stage, const std::vector<LayerCount>& layers);

  Prepared start_attempt_, add_attempt_stage_, end_attempt_, change_sweep_, charge_failure_, reopen_stage_;
  Prepared remove_artifact_, add_environment_, submit_sweep_;
  Prepared find_stage_, fail_stage_, finish_stage_;
  Prepared add_metric_, add_evaluation_metric_, add_layer_, add_warning_, add_sensitivity_, add_latency_;
};

}  // namespace espalier
