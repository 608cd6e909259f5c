#pragma once

#include <optional>

#include <SQLiteCpp/Database.h>

namespace espalier {

/// Seconds per unit of Stage::cost: the median over the newest thousand trainings done on this host; none if there are
/// none. For db's sources only. Errors: SQLite::Exception.
std::optional<double> median_seconds_per_cost(const SQLite::Database& database);

}  // namespace espalier
