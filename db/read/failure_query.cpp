// Which trials a stage is behind is asked once for all stages that matter, along the trials: the table trial_stages has
// an index that way only, and has millions of rows in a large store.
#include "db/read/failure_query.h"

#include <unordered_map>

#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"

namespace espalier {
namespace {

/// Every pair of a sweep's trial and a stage behind it that failed, diverged or had a failure charged, by position of
/// the trial and id of the stage.
constexpr const char* kStruckPairs =
    "SELECT t.trial_id, s.id, s.state = 'failed' OR EXISTS (SELECT 1 FROM failures f WHERE f.stage_id = s.id),"
    " coalesce(s.diverged, 0), s.state = 'failed'"
    " FROM sweeps w CROSS JOIN sweep_trials t ON t.sweep_id = w.id CROSS JOIN trial_stages x ON x.trial_id = t.trial_id"
    " CROSS JOIN stages s ON s.id = x.stage_id"
    " WHERE w.label = ? AND (s.state = 'failed' OR s.diverged = 1"
    " OR EXISTS (SELECT 1 FROM failures f WHERE f.stage_id = s.id)) ORDER BY t.trial_id, s.id";

struct StruckPair {
  std::int64_t trial = 0, stage = 0;
  bool charged = false, diverged = false, failed = false;
};

template <typename Take>
void each_struck_pair(const SQLite::Database& database, const std::string& sweep, Take&& take) {
  Prepared(database, kStruckPairs)
      .each(
          [&](SQLite::Statement& row) {
            StruckPair pair;
            ColumnReader(row) >> pair.trial >> pair.stage >> pair.charged >> pair.diverged >> pair.failed;
            take(pair);
          },
          sweep);
}

std::unordered_map<std::int64_t, std::int64_t> trials_by_stage(const SQLite::Database& database,
                                                               const std::string& sweep) {
  std::unordered_map<std::int64_t, std::int64_t> trials;
  each_struck_pair(database, sweep, [&](const StruckPair& pair) { ++trials[pair.stage]; });
  return trials;
}

/// Rows whose `trials` is to be counted.
template <typename Row>
void count_trials(const SQLite::Database& database, const std::string& sweep, std::vector<Row>& rows) {
  if (rows.empty()) return;
  const auto trials = trials_by_stage(database, sweep);
  for (Row& row : rows) {
    const auto found = trials.find(row.stage);
    row.trials = found == trials.end() ? 0 : found->second;
  }
}

}  // namespace

std::vector<ChargedFailureRow> find_charged_failures(const SQLite::Database& database, const std::string& sweep,
                                                     std::int64_t limit) {
  std::vector<ChargedFailureRow> rows;
  Prepared(
      database,
      "WITH mine AS (SELECT s.* FROM sweeps w JOIN sweep_stages m ON m.sweep_id = w.id"
      " JOIN stages s ON s.id = m.stage_id WHERE w.label = ?1)"
      " SELECT s.id, s.key, s.label, s.kind, s.state, f.attempt, f.failed_at, f.cause, f.signal, f.exit_code,"
      " f.host, f.pool, f.rank, f.message, f.log, f.backtrace, f.quarantined"
      " FROM failures f CROSS JOIN mine s ON s.id = f.stage_id"
      " UNION ALL"
      " SELECT s.id, s.key, s.label, s.kind, s.state, s.attempt, s.finished_at, coalesce(s.failure_cause, 'error'),"
      " NULL, NULL, coalesce(v.host, ''), coalesce(a.pool, ''), coalesce(a.rank, 0),"
      " s.failure_kind || ': ' || s.failure_message, '', '', 1"
      " FROM mine s LEFT JOIN environments v ON v.id = s.environment_id LEFT JOIN attempts a ON a.number = s.attempt"
      " WHERE s.state = 'failed' AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.stage_id = s.id)"
      " ORDER BY 7 DESC, 1 LIMIT ?2")
      .each(
          [&](SQLite::Statement& statement) {
            ChargedFailureRow& row = rows.emplace_back();
            ColumnReader(statement) >> row.stage >> row.key >> row.label >> row.kind >> row.state >> row.attempt >>
                row.failed_at >> row.cause >> row.signal >> row.exit_code >> row.host >> row.pool >> row.rank >>
                row.message >> row.log >> row.backtrace >> row.quarantined;
          },
          sweep, limit);
  count_trials(database, sweep, rows);
  return rows;
}

std::vector<DivergedStageRow> find_diverged_stages(const SQLite::Database& database, const std::string& sweep,
                                                   std::int64_t limit) {
  std::vector<DivergedStageRow> rows;
  Prepared(database,
           "SELECT s.id, s.key, s.label, s.seed, coalesce(s.steps, 0) FROM sweeps w"
           " JOIN sweep_stages m ON m.sweep_id = w.id JOIN stages s ON s.id = m.stage_id"
           " WHERE w.label = ?1 AND s.diverged = 1 AND s.state = 'done' ORDER BY s.id LIMIT ?2")
      .each(
          [&](SQLite::Statement& statement) {
            DivergedStageRow& row = rows.emplace_back();
            ColumnReader(statement) >> row.stage >> row.key >> row.label >> row.seed >> row.steps;
          },
          sweep, limit);
  count_trials(database, sweep, rows);
  return rows;
}

std::vector<TrialFateRow> find_trial_fates(const SQLite::Database& database, const std::string& sweep) {
  std::vector<TrialFateRow> rows;
  std::unordered_map<std::int64_t, std::size_t> row_of;
  Prepared(
      database,
      "SELECT t.id, t.key, t.seed, x.dataset, m.name, x.variant, t.method, t.criterion, t.granularity,"
      " t.allocation, t.schedule, t.rounds, t.retrain, t.control, t.sparsity_target, t.pruned_at_step, x.rate, e.state"
      " FROM sweeps w JOIN sweep_trials x ON x.sweep_id = w.id JOIN trials t ON t.id = x.trial_id"
      " JOIN models m ON m.id = t.model_id JOIN stages e ON e.id = t.evaluate_stage"
      " WHERE w.label = ? ORDER BY x.position")
      .each(
          [&](SQLite::Statement& statement) {
            std::int64_t id = 0;
            TrialFateRow& row = rows.emplace_back();
            ColumnReader(statement) >> id >> row.key >> row.seed >> row.dataset >> row.model >> row.variant >>
                row.method >> row.criterion >> row.granularity >> row.allocation >> row.schedule >> row.rounds >>
                row.retrain >> row.control >> row.sparsity_target >> row.pruned_at_step >> row.rate >> row.state;
            row_of.emplace(id, rows.size() - 1);
          },
          sweep);
  each_struck_pair(database, sweep, [&](const StruckPair& pair) {
    const auto found = row_of.find(pair.trial);
    if (found == row_of.end()) return;
    TrialFateRow& row = rows[found->second];
    if (pair.charged) row.struck.push_back(pair.stage);
    if (pair.diverged) row.diverged.push_back(pair.stage);
    if (pair.failed && row.state == "waiting") row.state = "blocked";
  });
  return rows;
}

std::vector<HostWorkRow> find_work_by_host(const SQLite::Database& database, const std::string& sweep) {
  std::vector<HostWorkRow> rows;
  Prepared(database,
           "SELECT coalesce(v.host, ''), s.kind, count(*), count(m.stage_id)"
           " FROM stages s JOIN environments v ON v.id = s.environment_id"
           " LEFT JOIN sweep_stages m ON m.stage_id = s.id"
           "  AND m.sweep_id = (SELECT id FROM sweeps WHERE label = ?)"
           " WHERE s.state = 'done' GROUP BY 1, 2 ORDER BY 1, 2")
      .each(
          [&](SQLite::Statement& statement) {
            HostWorkRow& row = rows.emplace_back();
            ColumnReader(statement) >> row.host >> row.kind >> row.done >> row.in_sweep;
          },
          sweep);
  return rows;
}

std::map<std::string, std::int64_t> find_jobs_finished_by_host(const SQLite::Database& database, double since) {
  std::map<std::string, std::int64_t> finished;
  Prepared(database,
           "SELECT coalesce(v.host, ''), count(*) FROM attempts a JOIN environments v ON v.id = a.environment_id"
           " WHERE a.how = 'finished' AND a.ended_at >= ? GROUP BY 1")
      .each(
          [&](SQLite::Statement& statement) {
            std::string host;
            std::int64_t jobs = 0;
            ColumnReader(statement) >> host >> jobs;
            finished.emplace(std::move(host), jobs);
          },
          since);
  return finished;
}

}  // namespace espalier
