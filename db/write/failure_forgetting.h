#pragma once

#include <cstdint>

#include <SQLiteCpp/Database.h>

#include "db/rows/failure_filter.h"

namespace espalier {

/// Lets the failed stages of a sweep that fit wait again, inside the caller's transaction, and says how many. What was
/// charged to them stays in the table failures, as evidence. For db's sources only. Errors: SQLite::Exception.
std::int64_t forget_failed_stages(const SQLite::Database& database, std::int64_t sweep, const FailureFilter& filter);

}  // namespace espalier
