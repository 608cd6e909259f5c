#include "db/write/submissions.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"
#include "experiments/parse/override.h"

namespace espalier {

std::vector<Submission> read_open_submissions(const SQLite::Database& database) {
  std::vector<Submission> submissions;
  Prepared(database,
           "SELECT x.sweep_id, x.submitted_at, x.data, x.program, x.catalog, x.priority, x.paused, s.label, s.yaml,"
           " s.overrides, x.folder"
           " FROM submissions x JOIN sweeps s ON s.id = x.sweep_id WHERE x.open ORDER BY x.submitted_at, x.sweep_id")
      .each([&](SQLite::Statement& row) {
        Submission one;
        std::optional<std::string> overrides;
        ColumnReader(row) >> one.sweep >> one.at >> one.data >> one.program >> one.catalog >> one.priority >>
            one.paused >> one.label >> one.yaml >> overrides >> one.folder;
        one.overrides = overrides ? nlohmann::json::parse(*overrides).get<std::vector<std::string>>()
                                  : noted_overrides(one.yaml);  // by a version that had no column for them
        submissions.push_back(std::move(one));
      });
  return submissions;
}

}  // namespace espalier
