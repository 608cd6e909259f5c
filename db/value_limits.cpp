#include "db/value_limits.h"

#include <sqlite3.h>

namespace espalier {

void limit_values(SQLite::Database& database) {
  sqlite3_limit(database.getHandle(), SQLITE_LIMIT_LENGTH, kLargestValue);
}

}  // namespace espalier
