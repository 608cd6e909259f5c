#pragma once

#include <cstdint>

#include <SQLiteCpp/Database.h>

#include "db/rows/failure_filter.h"

namespace espalier {

/// Sets the matching failed stages of a sweep back to waiting, inside the caller's transaction; returns how many. Their
/// rows in the table failures are kept as evidence. For db's sources only. Errors: SQLite::Exception.
std::int64_t forget_failed_stages(const SQLite::Database& database, std::int64_t sweep, const FailureFilter& filter);

}  // namespace espalier
