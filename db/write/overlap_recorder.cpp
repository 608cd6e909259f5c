#include "db/write/overlap_recorder.h"

namespace espalier {

void record_overlaps(const SQLite::Database& database, std::int64_t sweep, const std::vector<MaskOverlapRow>& rows) {
  Prepared(database, "DELETE FROM mask_overlaps WHERE sweep_id = ?").run(sweep);
  Prepared add(database,
               "INSERT INTO mask_overlaps (sweep_id, position, pairing, trial_a, trial_b, kept_a, kept_b, kept_both,"
               " jaccard, chance, corrected) SELECT ?1, ?2, ?3, a.id, b.id, ?6, ?7, ?8, ?9, ?10, ?11"
               " FROM trials a, trials b WHERE a.key = ?4 AND b.key = ?5");
  std::int64_t position = 0;
  for (const MaskOverlapRow& row : rows) {
    add.run(sweep, position++, row.pairing, row.a.trial, row.b.trial, row.a.kept, row.b.kept, row.kept_both,
            row.jaccard, row.chance, row.corrected);
  }
}

}  // namespace espalier
