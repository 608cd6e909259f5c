#pragma once

#include <string>

#include <SQLiteCpp/Database.h>

#include "db/rows/stage_row.h"

namespace espalier {

/// See StoreReader::stage. For db's sources only. Errors: as there; SQLite::Exception.
StageDetails find_stage_details(const SQLite::Database& database, const std::string& name);

}  // namespace espalier
