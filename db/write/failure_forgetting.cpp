#include "db/write/failure_forgetting.h"

#include <string>

#include <nlohmann/json.hpp>

#include "db/sqlite/prepared.h"

namespace espalier {

std::int64_t forget_failed_stages(const SQLite::Database& database, std::int64_t sweep, const FailureFilter& filter) {
  nlohmann::json causes = nlohmann::json::array();
  for (const LossCause cause : filter.causes) causes.push_back(to_string(cause));
  return Prepared(database,
                  "UPDATE stages SET state = 'waiting', note = 'tried again after it failed: ' || failure_message,"
                  " failure_kind = NULL, failure_message = NULL, failure_cause = NULL"
                  " WHERE state = 'failed' AND id IN (SELECT stage_id FROM sweep_stages WHERE sweep_id = ?1)"
                  " AND (?2 = '[]' OR coalesce(failure_cause, 'error') IN (SELECT value FROM json_each(?2)))"
                  " AND (?3 = '[]' OR EXISTS (SELECT 1 FROM json_each(?3)"
                  "  WHERE substr(stages.key, 1, length(value)) = value))")
      .run(sweep, causes.dump(), nlohmann::json(filter.stages).dump());
}

}  // namespace espalier
