#include "db/maintenance/store_repair.h"

#include <set>
#include <system_error>

#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"

namespace espalier {
namespace {

constexpr const char* kEvaluations =
    "SELECT DISTINCT e.key FROM stages s JOIN trials t JOIN stages e ON e.id = t.evaluate_stage WHERE s.key = ?1"
    " AND e.state = 'done' AND (t.masks_stage = s.id OR s.id IN (SELECT input_id FROM stage_inputs"
    " WHERE stage_id = e.id))";

bool can_be_made_again(FindingKind kind) {
  return kind == FindingKind::artifact_missing || kind == FindingKind::artifact_damaged;
}

/// Why it failed; "" on success.
std::string set_aside(const std::filesystem::path& path) {
  std::filesystem::path aside = path;
  aside += ".damaged";
  std::error_code error;
  std::filesystem::rename(path, aside, error);
  return error ? error.message() : "";
}

}  // namespace

std::vector<Repair> repair_artifacts(Store& store, const StoreCheck& check) {
  std::vector<StoreChange> changes;
  std::vector<Repair> repairs;
  std::set<std::string> evaluations;
  with_sqlite_errors(store.paths().database(), [&] {
    const SQLite::Database database = open_read_only(store.paths().root);
    Prepared find_evaluations(database, kEvaluations);
    for (const Finding& finding : check.findings) {
      if (!can_be_made_again(finding.kind)) continue;
      changes.emplace_back(StageReopened{stage_key_from_hex(finding.stage), finding.what});
      find_evaluations.each([&](SQLite::Statement& row) { evaluations.insert(row.getColumn(0).getString()); },
                            finding.stage);
    }
  });
  for (const std::string& key : evaluations) {
    changes.emplace_back(StageReopened{stage_key_from_hex(key), "its network is made again, after damage"});
  }
  // The rows first: if we die before the file is moved, it is overwritten when its stage runs.
  store.apply(changes);
  for (const Finding& finding : check.findings) {
    if (!can_be_made_again(finding.kind)) continue;
    std::string done = "its stage will be done again";
    if (finding.kind == FindingKind::artifact_damaged) {
      const std::string refused = set_aside(finding.where);
      done = refused.empty() ? "set aside under its name and .damaged; " + done
                             : done + ", over this file: it could not be set aside (" + refused + ")";
    }
    repairs.push_back({finding.where, done});
  }
  return repairs;
}

}  // namespace espalier
