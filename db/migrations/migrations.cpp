#include "db/migrations/migrations.h"

#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr int kApplicationId = 0x4553504C;  // "ESPL": what `file espalier.db` shows and migrations leave alone

int pragma(const SQLite::Database& database, const std::string& name) {
  SQLite::Statement statement(database, "PRAGMA " + name);
  statement.executeStep();
  return statement.getColumn(0).getInt();
}

bool is_empty(const SQLite::Database& database) {
  SQLite::Statement statement(database, "SELECT count(*) FROM sqlite_master");
  statement.executeStep();
  return statement.getColumn(0).getInt64() == 0;
}

}  // namespace

int schema_version() {
  return static_cast<int>(migration_texts().size());
}

int checked_version(const SQLite::Database& database, const std::filesystem::path& path) {
  if (is_empty(database)) return 0;
  if (pragma(database, "application_id") != kApplicationId) {
    throw Error(ErrorKind::invalid_input,
                path.string() + ": an SQLite database of another program, not a store; choose another --store");
  }
  const int version = pragma(database, "user_version");
  if (version > schema_version()) {
    throw Error(ErrorKind::invalid_input, path.string() + ": its schema has version " + std::to_string(version) +
                                              ", this program knows up to " + std::to_string(schema_version()) +
                                              "; update espalier, or choose another --store");
  }
  return version;
}

void migrate(SQLite::Database& database, const std::filesystem::path& path) {
  for (int version = checked_version(database, path); version < schema_version(); ++version) {
    SQLite::Transaction transaction(database);
    database.exec(std::string(migration_texts()[static_cast<std::size_t>(version)]));
    database.exec("PRAGMA user_version = " + std::to_string(version + 1));
    database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    transaction.commit();
  }
}

}  // namespace espalier
