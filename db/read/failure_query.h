#pragma once

#include <map>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "db/rows/failure_row.h"

namespace espalier {

// See the members of StoreReader with these names. `sweep` is a label that exists. For db's sources only.
// Errors: SQLite::Exception.

std::vector<ChargedFailureRow> find_charged_failures(const SQLite::Database& database, const std::string& sweep,
                                                     std::int64_t limit);
std::vector<DivergedStageRow> find_diverged_stages(const SQLite::Database& database, const std::string& sweep,
                                                   std::int64_t limit);
std::vector<TrialFateRow> find_trial_fates(const SQLite::Database& database, const std::string& sweep);
std::vector<HostWorkRow> find_work_by_host(const SQLite::Database& database, const std::string& sweep);
std::map<std::string, std::int64_t> find_jobs_finished_by_host(const SQLite::Database& database, double since);

}  // namespace espalier
