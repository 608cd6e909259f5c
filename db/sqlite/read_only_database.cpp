#include "db/sqlite/read_only_database.h"

#include <cstdio>
#include <sqlite3.h>
#include <string>
#include <system_error>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"
#include "db/migrations/migrations.h"
#include "db/sqlite/value_limits.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

constexpr int kBusyTimeoutMs = 10000;

/// `file:/path?immutable=1`, with the bytes that mean something in a URI escaped.
std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      uri += escaped;
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

void check_version(const SQLite::Database& database, const std::filesystem::path& path, SchemaAge age) {
  const int version = checked_version(database, path);
  if (version == schema_version() || age == SchemaAge::current_or_older) return;
  throw Error(ErrorKind::invalid_input, path.string() + ": its schema has version " + std::to_string(version) +
                                            ", this program reads " + std::to_string(schema_version()) +
                                            "; `espalier run` with this --store updates it");
}

}  // namespace

void check_store_is_there(const std::filesystem::path& root) {
  if (std::filesystem::exists(StorePaths{root}.database())) return;
  throw Error(ErrorKind::invalid_input,
              root.string() +
                  ": no store is here (espalier.db is missing); name another --store, or make "
                  "one with `espalier run SWEEP.yaml --store " +
                  root.string() + "`");
}

SQLite::Database open_read_only(const std::filesystem::path& root, SchemaAge age) {
  check_store_is_there(root);
  const std::filesystem::path path = StorePaths{root}.database();
  try {
    SQLite::Database database(path.string(), SQLite::OPEN_READONLY, kBusyTimeoutMs);
    limit_values(database);
    check_version(database, path, age);
    return database;
  } catch (const SQLite::Exception& failure) {
    if (failure.getExtendedErrorCode() == SQLITE_READONLY_ROLLBACK) {
      throw Error(ErrorKind::unavailable,
                  path.string() +
                      ": its coordinator died in the middle of a commit, which only a writer can undo; "
                      "`espalier run` or `espalier db check --repair` with this --store does");
    }
    // In a folder where SQLite cannot make its shared memory there is no writer either: the file alone is the whole
    // database.
    const int code = failure.getErrorCode() & 0xff;
    std::error_code missing;
    const bool has_journal = std::filesystem::file_size(path.string() + "-journal", missing) > 0 &&
                             !missing;  // else it is empty or not there
    const bool has_log = has_journal || std::filesystem::exists(path.string() + "-wal");
    if (has_log || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)) throw;
  }
  SQLite::Database database(immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyTimeoutMs);
  limit_values(database);
  check_version(database, path, age);
  return database;
}

}  // namespace espalier
