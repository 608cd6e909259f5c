#include "db/read/model_query.h"

#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

bool has_model(const std::filesystem::path& root, const std::string& name) {
  const std::filesystem::path file = StorePaths{root}.database();
  if (!std::filesystem::exists(file)) return false;
  return with_sqlite_errors(file, [&] {
    const SQLite::Database database = open_read_only(root, SchemaAge::current_or_older);
    return Prepared(database, "SELECT 1 FROM models WHERE name = ?1").integer(name).has_value();
  });
}

}  // namespace espalier
