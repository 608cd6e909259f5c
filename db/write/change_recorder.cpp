#include "db/write/change_recorder.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db/sqlite/refused_change.h"

namespace espalier {
namespace {

std::optional<EnvironmentId> known(EnvironmentId environment) {
  return environment == 0 ? std::nullopt : std::optional(environment);
}

std::optional<std::int64_t> known_count(std::int64_t count) {
  return count < 0 ? std::nullopt : std::optional(count);
}

}  // namespace

// Rows that an outcome adds are replaced, not refused, because a stage whose artifact was lost is done once more.
ChangeRecorder::ChangeRecorder(const SQLite::Database& database)
    : start_attempt_(database,
                     "INSERT INTO attempts (number, pool, rank, environment_id, started_at, owner, gang)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?)"
                     " ON CONFLICT (number) DO NOTHING"),
      add_attempt_stage_(
          database,
          "INSERT OR IGNORE INTO attempt_stages (attempt, stage_id, position) SELECT ?1, id, ?3 FROM stages"
          " WHERE key = ?2"),
      end_attempt_(database,
                   "UPDATE attempts SET ended_at = ?2, how = ?3, why = ?4, cause = ?5, started = ?3 != 'returned'"
                   " WHERE number = ?1"),
      change_sweep_(database, "UPDATE sweeps SET state = ?2, changed_at = ?3 WHERE id = ?1"),
      charge_failure_(database,
                      "INSERT INTO failures (stage_id, attempt, failed_at, cause, signal, exit_code, host, pool, rank,"
                      " message, log, backtrace, quarantined)"
                      " SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM stages WHERE key = ?1"),
      reopen_stage_(database, "UPDATE stages SET state = 'waiting', note = ?2 WHERE key = ?1 AND state = 'done'"),
      remove_artifact_(database, "UPDATE stages SET artifact_removed_at = ?2 WHERE key = ?1 AND state = 'done'"),
      add_environment_(database, "INSERT INTO environments (id, json) VALUES (?, ?)"),
      submit_sweep_(database,
                    "INSERT INTO submissions (sweep_id, submitted_at, data, program, catalog, priority, paused, open,"
                    " folder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (sweep_id) DO UPDATE SET"
                    " data = ?3, program = ?4, catalog = ?5, priority = ?6, paused = ?7, open = ?8, folder = ?9"),
      find_stage_(database,
                  "SELECT id, (state = 'done' AND artifact_removed_at IS NULL) OR attempt IS ?2"
                  " FROM stages WHERE key = ?1"),
      fail_stage_(
          database,
          "UPDATE stages SET state = 'failed', attempt = ?2, environment_id = ?3, finished_at = ?4, wall_s = ?5,"
          " failure_kind = ?6, failure_message = ?7, failure_cause = ?8 WHERE id = ?1"),
      finish_stage_(
          database,
          "UPDATE stages SET state = 'done', attempt = ?2, environment_id = ?3, finished_at = ?4, wall_s = ?5,"
          " steps = ?6, diverged = ?7, best_validation_loss = ?8, test_accuracy_at_best_validation = ?9, "
          "artifact_sha256 = ?10,"
          " artifact_bytes = ?11, collapsed = ?12, connected = ?13, dead_units = ?14, effective_kept = ?15, "
          "params_shrunk = ?16, madds_shrunk = ?17, file_bytes = ?18, "
          "failure_kind = NULL, failure_message = NULL, failure_cause = NULL, artifact_removed_at = NULL, note = NULL"
          " WHERE id = ?1"),
      add_metric_(database, "INSERT OR REPLACE INTO metrics (stage_id, name, step, value) VALUES (?, ?, ?, ?)"),
      add_evaluation_metric_(
          database, "INSERT OR REPLACE INTO evaluation_metrics (stage_id, name, at, value) VALUES (?, ?, ?, ?)"),
      add_layer_(database,
                 "INSERT OR REPLACE INTO layer_densities (stage_id, position, layer, total, requested, kept, effective,"
                 " dead_units) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      add_warning_(database, "INSERT OR REPLACE INTO stage_warnings (stage_id, position, warning) VALUES (?, ?, ?)"),
      add_sensitivity_(database,
                       "INSERT OR REPLACE INTO sensitivities (stage_id, position, scope, sparsity, units, kept, loss)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?)"),
      add_latency_(
          database,
          "INSERT OR REPLACE INTO latencies (stage_id, batch_size, network, median_ms, p10_ms, p90_ms, speedup,"
          " speedup_low, speedup_high, peak_bytes, settled, busy_cores, samples_ms)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {}

void ChangeRecorder::record(const AttemptStarted& started) {
  const auto gang = started.gang.empty() ? std::nullopt : std::optional(nlohmann::json(started.gang).dump());
  start_attempt_.run(started.attempt, started.pool, started.rank, known(started.environment), started.at, started.owner,
                     gang);
  std::int64_t position = 0;
  for (const StageKey& key : started.stages) add_attempt_stage_.run(started.attempt, to_hex(key), position++);
}

void ChangeRecorder::record(const AttemptEnded& ended) {
  const auto cause = ended.cause ? std::optional(std::string(to_string(*ended.cause))) : std::nullopt;
  end_attempt_.run(ended.attempt, ended.at, ended.how, ended.why, cause);
}

void ChangeRecorder::record(const FailureCharged& charged) {
  charge_failure_.run(to_hex(charged.stage), charged.attempt, charged.at, std::string(to_string(charged.cause)),
                      charged.signal, charged.exit_code, charged.host, charged.pool, charged.rank, charged.message,
                      charged.log, charged.backtrace, charged.quarantined);
}

void ChangeRecorder::record(const StageReopened& reopened) {
  reopen_stage_.run(to_hex(reopened.stage), reopened.note);
}

void ChangeRecorder::record(const ArtifactRemoved& removed) {
  remove_artifact_.run(to_hex(removed.stage), removed.at);
}

void ChangeRecorder::record(const EnvironmentSeen& seen) {
  add_environment_.run(seen.environment, seen.json);
}

void ChangeRecorder::record(const SweepSubmitted& submitted) {
  submit_sweep_.run(submitted.sweep, submitted.at, submitted.data, submitted.program, submitted.catalog,
                    submitted.priority, submitted.paused, submitted.open, submitted.folder);
}

void ChangeRecorder::record(const SweepChanged& changed) {
  change_sweep_.run(changed.sweep, changed.state, changed.at);
}

void ChangeRecorder::record(const StageFinished& finished) {
  const auto stage = stage_awaiting(finished.outcome);
  if (!stage) return;
  finished.outcome.failure ? record_failure(*stage, finished) : record_done(*stage, finished);
}

std::optional<std::int64_t> ChangeRecorder::stage_awaiting(const StageOutcome& outcome) {
  const std::string key = to_hex(outcome.key);
  std::optional<std::int64_t> stage;
  bool is_news = false;
  find_stage_.each(
      [&](SQLite::Statement& row) {
        stage = row.getColumn(0).getInt64();
        is_news = row.getColumn(1).getInt() == 0;
      },
      key, outcome.attempt);
  if (!stage) throw RefusedChange("an outcome of stage " + key + ", which no sweep of this store has");
  return is_news ? stage : std::nullopt;
}

void ChangeRecorder::record_failure(std::int64_t stage, const StageFinished& finished) {
  const StageOutcome& outcome = finished.outcome;
  fail_stage_.run(stage, outcome.attempt, known(finished.environment), finished.at, outcome.wall_s,
                  std::string(to_string(outcome.failure->kind)), outcome.failure->message,
                  std::string(to_string(outcome.failure->cause)));
}

void ChangeRecorder::record_done(std::int64_t stage, const StageFinished& finished) {
  const StageOutcome& outcome = finished.outcome;
  const bool has_artifact = !outcome.artifact_sha256.empty();
  const std::optional<Connectivity>& paths = outcome.connectivity;
  const std::optional<NetworkSize>& size = outcome.shrunk_size;
  finish_stage_.run(
      stage, outcome.attempt, known(finished.environment), finished.at, outcome.wall_s, outcome.steps, outcome.diverged,
      outcome.best_validation_loss, outcome.test_accuracy_at_best_validation,
      has_artifact ? std::optional(outcome.artifact_sha256) : std::nullopt,
      has_artifact ? std::optional(outcome.artifact_bytes) : std::nullopt, outcome.collapsed,
      paths ? std::optional(paths->connected) : std::nullopt, paths ? std::optional(paths->dead_units) : std::nullopt,
      paths ? std::optional(paths->effective_kept) : std::nullopt,
      size ? std::optional(size->parameters) : std::nullopt, size ? std::optional(size->madds) : std::nullopt,
      size ? std::optional(size->file_bytes) : std::nullopt);
  for (const MetricPoint& point : outcome.metrics) add_metric_.run(stage, point.name, point.step, point.value);
  if (outcome.evaluation) {
    for (const EvaluationMetric& metric : outcome.evaluation->metrics)
      add_evaluation_metric_.run(stage, metric.name, metric.at, metric.value);
  }
  record_layers(stage, outcome.layers);
  std::int64_t position = 0;
  for (const SensitivityPoint& point : outcome.sensitivity) {
    add_sensitivity_.run(stage, position++, point.scope, point.sparsity, point.units, point.kept, point.loss);
  }
  record_latencies(stage, outcome.latencies);
  position = 0;
  for (const std::string& warning : outcome.warnings) add_warning_.run(stage, position++, warning);
}

void ChangeRecorder::record_latencies(std::int64_t stage, const std::vector<LatencyMeasurement>& latencies) {
  for (const LatencyMeasurement& one : latencies) {
    for (const NetworkTimes& times : one.networks) {
      add_latency_.run(stage, one.batch_size, times.network, times.median_ms, times.p10_ms, times.p90_ms, times.speedup,
                       times.speedup_low, times.speedup_high, times.peak_bytes, one.settled, one.busy_cores,
                       nlohmann::json(times.samples_ms).dump());
    }
  }
}

void ChangeRecorder::record_layers(std::int64_t stage, const std::vector<LayerCount>& layers) {
  std::int64_t position = 0;
  for (const LayerCount& layer : layers) {
    add_layer_.run(stage, position++, layer.layer, layer.total, known_count(layer.requested), layer.kept,
                   known_count(layer.effective), known_count(layer.dead_units));
  }
}

}  // namespace espalier
