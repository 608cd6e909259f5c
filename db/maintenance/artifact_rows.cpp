#include "db/maintenance/artifact_rows.h"

#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"

namespace espalier {

std::vector<ArtifactRow> read_artifact_rows(const SQLite::Database& database) {
  std::vector<ArtifactRow> rows;
  Prepared(database,
           "SELECT id, key, kind, label, state = 'done', iif(state = 'done', artifact_sha256, NULL), artifact_bytes,"
           " artifact_removed_at IS NOT NULL, resume_from,"
           " id IN (SELECT x.stage_id FROM attempt_stages x JOIN attempts a ON a.number = x.attempt"
           " WHERE a.ended_at IS NULL) FROM stages ORDER BY id")
      .each([&](SQLite::Statement& row) {
        ArtifactRow& one = rows.emplace_back();
        std::string key;
        ColumnReader(row) >> one.id >> key >> one.kind >> one.label >> one.is_done >> one.sha256 >> one.bytes >>
            one.is_removed >> one.resume_from >> one.may_run;
        one.key = stage_key_from_hex(key);
      });
  return rows;
}

}  // namespace espalier
