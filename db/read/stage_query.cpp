#include "db/read/stage_query.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"

namespace espalier {
namespace {

constexpr std::size_t kCandidates = 10;

struct Candidate {
  std::int64_t id = 0;
  StageRow stage;
};

bool is_key_prefix(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::vector<Candidate> candidates_for(const SQLite::Database& database, const std::string& name) {
  std::vector<Candidate> found;
  const auto read = [&](SQLite::Statement& row) {
    Candidate& one = found.emplace_back();
    ColumnReader(row) >> one.id >> one.stage.key >> one.stage.kind >> one.stage.label >> one.stage.state;
  };
  if (is_key_prefix(name)) {
    std::string digits = name;
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    Prepared(database,
             "SELECT id, key, kind, label, state FROM stages WHERE key >= ?1 AND key < ?1 || 'g' ORDER BY key LIMIT ?2")
        .each(read, digits, kCandidates + 1);
  }
  if (found.empty()) {
    Prepared(database, "SELECT id, key, kind, label, state FROM stages WHERE label = ? ORDER BY key LIMIT ?")
        .each(read, name, kCandidates + 1);
  }
  return found;
}

Candidate only_candidate(const SQLite::Database& database, const std::string& name) {
  const std::vector<Candidate> found = candidates_for(database, name);
  if (found.size() == 1) return found.front();
  const std::string quoted = "\"" + name.substr(0, 80) + "\"";
  if (found.empty()) {
    throw Error(ErrorKind::invalid_input,
                "no stage's key begins with " + quoted +
                    " and none has it as its label; `espalier plan SWEEP.yaml --dot` shows both");
  }
  std::string message =
      quoted + " names " +
      (found.size() > kCandidates ? "more than " + std::to_string(kCandidates) : std::to_string(found.size())) +
      " stages; give more digits:";
  for (std::size_t i = 0; i < std::min(found.size(), kCandidates); ++i) {
    message += "\n  " + found[i].stage.key.substr(0, 16) + "  " + found[i].stage.label;
  }
  throw Error(ErrorKind::invalid_input, message);
}

void read_itself(const SQLite::Database& database, std::int64_t id, StageDetails& details) {
  Prepared(database,
           "SELECT s.seed, p.json, s.cost, s.planned_steps, s.attempt, s.finished_at, s.wall_s, s.steps, s.diverged,"
           " s.best_validation_loss, s.test_accuracy_at_best_validation, e.accuracy, e.loss, s.artifact_sha256, "
           "s.artifact_bytes,"
           " s.failure_kind, s.failure_message, coalesce(s.failure_cause, iif(s.state = 'failed', 'error', '')), "
           "s.note, v.json, s.collapsed, s.connected, s.dead_units, s.effective_kept,"
           " (SELECT count(*) FROM trial_stages t WHERE t.stage_id = s.id)"
           " FROM stages s JOIN specs p ON p.id = s.spec_id LEFT JOIN evaluations e ON e.stage_id = s.id"
           " LEFT JOIN environments v ON v.id = s.environment_id WHERE s.id = ?")
      .each(
          [&](SQLite::Statement& row) {
            ColumnReader(row) >> details.seed >> details.spec >> details.cost >> details.planned_steps >>
                details.attempt >> details.finished_at >> details.wall_s >> details.steps >> details.diverged >>
                details.best_validation_loss >> details.test_accuracy_at_best_validation >> details.accuracy >>
                details.loss >> details.artifact_sha256 >> details.artifact_bytes >> details.failure_kind >>
                details.failure_message >> details.failure_cause >> details.note >> details.environment >>
                details.collapsed >> details.connected >> details.dead_units >> details.effective_kept >>
                details.trials;
          },
          id);
}

void read_neighbours(const SQLite::Database& database, std::int64_t id, StageDetails& details) {
  Prepared(database,
           "SELECT i.role, s.key, s.kind, s.label, s.state FROM stage_inputs i JOIN stages s ON s.id = i.input_id"
           " WHERE i.stage_id = ?1 UNION ALL"
           " SELECT 'resume_from', s.key, s.kind, s.label, s.state FROM stages t JOIN stages s ON s.id = t.resume_from"
           " WHERE t.id = ?1")
      .each(
          [&](SQLite::Statement& row) {
            StageInputRow& input = details.inputs.emplace_back();
            ColumnReader(row) >> input.role >> input.stage.key >> input.stage.kind >> input.stage.label >>
                input.stage.state;
          },
          id);
  Prepared(database,
           "SELECT DISTINCT s.key, s.kind, s.label, s.state FROM stage_inputs i JOIN stages s ON s.id = i.stage_id"
           " WHERE i.input_id = ? ORDER BY s.id LIMIT 20")
      .each(
          [&](SQLite::Statement& row) {
            StageRow& user = details.users.emplace_back();
            ColumnReader(row) >> user.key >> user.kind >> user.label >> user.state;
          },
          id);
}

void read_warnings(const SQLite::Database& database, std::int64_t id, StageDetails& details) {
  Prepared(database, "SELECT warning FROM stage_warnings WHERE stage_id = ? ORDER BY position")
      .each([&](SQLite::Statement& row) { details.warnings.push_back(row.getColumn(0).getString()); }, id);
}

void read_attempts(const SQLite::Database& database, std::int64_t id, StageDetails& details) {
  Prepared(database,
           "SELECT a.number, a.pool, a.rank, v.host, a.started_at, a.ended_at, a.how, a.why, a.cause"
           " FROM attempt_stages x JOIN attempts a ON a.number = x.attempt LEFT JOIN environments v ON v.id = "
           "a.environment_id"
           " WHERE x.stage_id = ? ORDER BY a.number DESC LIMIT 20")
      .each(
          [&](SQLite::Statement& row) {
            AttemptRow& attempt = details.attempts.emplace_back();
            ColumnReader(row) >> attempt.number >> attempt.pool >> attempt.rank >> attempt.host >> attempt.started_at >>
                attempt.ended_at >> attempt.how >> attempt.why >> attempt.cause;
          },
          id);
}

void read_failures(const SQLite::Database& database, std::int64_t id, StageDetails& details) {
  Prepared(database,
           "SELECT attempt, failed_at, cause, signal, exit_code, host, message, quarantined FROM failures"
           " WHERE stage_id = ? ORDER BY failed_at DESC, id DESC LIMIT 20")
      .each(
          [&](SQLite::Statement& row) {
            StageFailureRow& failure = details.failures.emplace_back();
            ColumnReader(row) >> failure.attempt >> failure.failed_at >> failure.cause >> failure.signal >>
                failure.exit_code >> failure.host >> failure.message >> failure.quarantined;
          },
          id);
}

}  // namespace

StageDetails find_stage_details(const SQLite::Database& database, const std::string& name) {
  const Candidate found = only_candidate(database, name);
  StageDetails details;
  details.stage = found.stage;
  read_itself(database, found.id, details);
  read_warnings(database, found.id, details);
  read_neighbours(database, found.id, details);
  read_attempts(database, found.id, details);
  read_failures(database, found.id, details);
  return details;
}

}  // namespace espalier
