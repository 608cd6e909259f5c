#include "db/sqlite/value_limits.h"

#include <sqlite3.h>

namespace espalier {

void limit_values(SQLite::Database& database) {
  sqlite3_limit(database.getHandle(), SQLITE_LIMIT_LENGTH, kLargestValue);
  // No SQL may write the file's own structures. (The schema has to be trusted: our views use ->>, which SQLite does not
  // call innocuous.)
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
}

}  // namespace espalier
