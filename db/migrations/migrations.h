#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace SQLite {
class Database;
}

namespace espalier {

/// db/migrations/*.sql in order; the n-th (from 1) leads from version n - 1 to version n.
const std::vector<std::string_view>& migration_texts();

/// The version this program writes: PRAGMA user_version.
int schema_version();

/// The database's version; 0 for an empty one.
/// Errors: ErrorKind::invalid_input if it is newer than this program, or not a store at all.
int checked_version(const SQLite::Database& database, const std::filesystem::path& path);

/// Brings the database to schema_version(), each migration in its own transaction.
/// Errors: as checked_version; SQLite::Exception.
void migrate(SQLite::Database& database, const std::filesystem::path& path);

}  // namespace espalier
