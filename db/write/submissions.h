#pragma once

#include <string>
#include <vector>

#include "db/write/changes.h"

namespace SQLite {
class Database;
}

namespace espalier {

/// The open submissions, in the order they came. Errors: SQLite::Exception.
std::vector<Submission> read_open_submissions(const SQLite::Database& database);

}  // namespace espalier
